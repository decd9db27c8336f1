-- Merge fields in texts, and templates of texts. The rule is that of messaging/merge_fields.py and messaging/segments.py.
-- depends: 0020_inbound_messages

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

-- What is read from the text of a message with merge fields; NULL: it has none, and everybody gets its content.
-- {"fields": [{"name": ..., "default": ..., "before": ..., "after": ...}, ...],
--  "texts": [{"name": "content", "format": "Hi%1$s!", "longest": 1600}, ...],
--  "needsText": true,        an empty text is not sent
--  "countsSegments": true}   false: a delivery has the segments of its message
-- The texts are the content, and then details such as a subject. A format is one of format(): %1$s stands for the first of the
-- fields. The longest are characters.
ALTER TABLE messages
    ADD COLUMN merge_fields jsonb,
    -- When its deliveries got their values. A process of the former release does not set it, so the check below keeps it from
    -- sending the braces.
    ADD COLUMN merged_at    timestamptz,
    ADD CONSTRAINT messages_expanded_are_merged
        CHECK (merge_fields IS NULL OR expanded_at IS NULL OR merged_at IS NOT NULL) NOT VALID;
ALTER TABLE schedules
    ADD COLUMN merge_fields jsonb;

ALTER TABLE deliveries
    -- Of a message with merge fields: the values of this recipient, in the order of the fields. With the formats of the message
    -- they are the words that are sent, whatever becomes of the contact.
    ADD COLUMN merge_values   text[],
    -- The segments of the text of this recipient. NULL: those of the message.
    ADD COLUMN segments       smallint,
    -- The attempt that was claimed with these values.
    ADD COLUMN merged_attempt smallint;

-- A process of the former release would submit the text with its braces: what it claims stays queued.
CREATE FUNCTION keep_unmerged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_unmerged BEFORE UPDATE ON deliveries
    FOR EACH ROW
    WHEN (NEW.merge_values IS NOT NULL AND NEW.status = 'sending' AND OLD.status = 'queued'
          AND NEW.merged_attempt IS DISTINCT FROM NEW.attempts)
    EXECUTE FUNCTION keep_unmerged();

-- It would also forget the merge fields of a schedule.
CREATE FUNCTION take_merge_fields_of_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.merge_fields := (SELECT merge_fields FROM schedules WHERE schedule_id = NEW.schedule_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER take_merge_fields_of_schedule BEFORE INSERT ON messages
    FOR EACH ROW
    WHEN (NEW.schedule_id IS NOT NULL AND NEW.merge_fields IS NULL)
    EXECUTE FUNCTION take_merge_fields_of_schedule();

RESET lock_timeout;

-- The number of SMS segments of a text, as count_segments() of messaging/segments.py. A character that takes two places is
-- not split over two segments: it is written as the two characters U+FFFF and x, of which U+FFFF does not end a segment.
CREATE FUNCTION text_segments(content text) RETURNS smallint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    characters integer := length(content);
    doubled    integer;
    in_one     integer := 160;
    in_many    integer := 153;
    two_places text := '[\f\u005b-\u005e\u007b-\u007e\u20ac]';
    places     text;
    place      integer := 1;
    segments   smallint := 0;
BEGIN
    -- GSM 7-bit default alphabet and its extension (3GPP TS 23.038, 6.2.1). Those of the extension take two places.
    IF content ~ '[^\n\r\f\u001b\u0020-\u005f\u0061-\u007e\u00a1\u00a3-\u00a5\u00a7\u00bf\u00c4-\u00c7\u00c9\u00d1\u00d6\u00d8\u00dc\u00df\u00e0\u00e4-\u00e6\u00e8\u00e9\u00ec\u00f1\u00f2\u00f6\u00f8\u00f9\u00fc\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03a9\u20ac]'
    THEN
        -- UCS-2: characters beyond U+FFFF are surrogate pairs.
        in_one := 70;
        in_many := 67;
        two_places := '[\U00010000-\U0010ffff]';
    END IF;
    doubled := regexp_count(content, two_places);
    IF characters + doubled <= in_one THEN
        RETURN 1;
    END IF;
    IF doubled = 0 THEN
        RETURN (characters + in_many - 1) / in_many;
    END IF;
    places := regexp_replace(translate(content, U&'\FFFF', 'x'), two_places, U&'\FFFFx', 'g');
    WHILE place <= characters + doubled LOOP
        place := place + in_many - CASE WHEN substr(places, place + in_many - 1, 1) = U&'\FFFF' THEN 1 ELSE 0 END;
        segments := segments + 1;
    END LOOP;
    RETURN segments;
END
$$;

-- As plain_value() of messaging/merge_fields.py: one line, without control characters.
CREATE FUNCTION plain_value(raw text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN raw ~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]|  |^ | $' THEN btrim(
    regexp_replace(
        regexp_replace(raw, '[\u0001-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f]', '', 'g'),
        '[\t-\r\u001c-\u0020\u0085\u2028\u2029]+', ' ', 'g'
    ), ' '
) ELSE raw END;

-- As MergeContact.value() of messaging/merge_fields.py: the value of a field of a contact, one of its own or one of every
-- contact. NULL or empty: it has none.
CREATE FUNCTION contact_value(field text, name text, phone text, email text, fields jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    own text;
BEGIN
    IF field IN ('name', 'phone', 'email') THEN
        RETURN plain_value(CASE field WHEN 'name' THEN name WHEN 'phone' THEN phone ELSE email END);
    END IF;
    own := plain_value(fields ->> field);
    IF own <> '' THEN
        RETURN own;
    ELSIF field = 'firstName' THEN
        RETURN split_part(plain_value(name), ' ', 1);
    ELSIF field = 'lastName' AND strpos(plain_value(name), ' ') > 0 THEN
        RETURN split_part(plain_value(name), ' ', -1);
    END IF;
    RETURN NULL;
END
$$;

-- What a delivery of a message with merge fields gets when it is written: the values of the contact (all NULL: the recipient is
-- not a contact), the segments of the text with them, and why it is not sent, if it is not.
CREATE FUNCTION merge_contact(
    merge_fields jsonb, name text, phone text, email text, fields jsonb,
    OUT merge_values text[], OUT segments smallint, OUT reason text
)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    field       jsonb;
    field_value text;
    template    jsonb;
    merged      text;
BEGIN
    merge_values := '{}';
    FOR place IN 0 .. jsonb_array_length(merge_fields -> 'fields') - 1 LOOP
        field := merge_fields -> 'fields' -> place;
        field_value := contact_value(field ->> 'name', name, phone, email, fields);
        IF field_value IS NULL OR field_value = '' THEN
            field_value := field ->> 'default';
        END IF;
        IF field_value <> '' THEN
            field_value := (field ->> 'before') || field_value || (field ->> 'after');
        END IF;
        merge_values := merge_values || field_value;
    END LOOP;
    FOR place IN 0 .. jsonb_array_length(merge_fields -> 'texts') - 1 LOOP
        template := merge_fields -> 'texts' -> place;
        merged := format(template ->> 'format', VARIADIC merge_values);
        IF length(merged) > (template ->> 'longest')::integer THEN
            reason := 'text too long';
        ELSIF (merge_fields ->> 'needsText')::boolean
            AND merged !~ '[^\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
        THEN
            reason := 'text is empty';
        ELSIF place = 0 AND (merge_fields ->> 'countsSegments')::boolean THEN
            segments := text_segments(merged);
        END IF;
    END LOOP;
END
$$;

-- The content and the details of one delivery, for everything that shows or submits it: those of its message, with the values of
-- the recipient if it has any.
CREATE FUNCTION delivery_content(content text, merge_fields jsonb, merge_values text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN merge_fields IS NULL OR merge_values IS NULL THEN content
            ELSE format(merge_fields -> 'texts' -> 0 ->> 'format', VARIADIC merge_values) END;
CREATE FUNCTION delivery_details(details jsonb, merge_fields jsonb, merge_values text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF merge_fields IS NULL OR merge_values IS NULL THEN
        RETURN details;
    END IF;
    RETURN details || coalesce((
        SELECT jsonb_object_agg(template ->> 'name', format(template ->> 'format', VARIADIC merge_values))
        FROM jsonb_array_elements(merge_fields -> 'texts') AS template
        WHERE template ->> 'name' <> 'content'
    ), '{}');
END
$$;
