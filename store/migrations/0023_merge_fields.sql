-- Merge fields in texts, and templates of texts. The rule is that of messaging/merge_fields.py and messaging/segments.py.
-- depends: 0022_imports

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

-- Whether every character takes one place in the GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1).
CREATE FUNCTION is_in_single_places(content text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN content !~ '[^\n\r\u0020-\u005a\u005f\u0061-\u007a\u00a1\u00a3-\u00a5\u00a7\u00bf\u00c4-\u00c7\u00c9\u00d1\u00d6\u00d8\u00dc\u00df\u00e0\u00e4-\u00e6\u00e8\u00e9\u00ec\u00f1\u00f2\u00f6\u00f8\u00f9\u00fc\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03a9]';

-- Whether a text is nothing but white space, as str.isspace() of Python says.
CREATE FUNCTION is_empty_text(content text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN content !~ '[^\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]';

-- How many places one segment has, and each of several; and how many characters of the text take two places.
CREATE FUNCTION text_places(
    content text, OUT in_one integer, OUT in_many integer, OUT two_places text, OUT doubled integer
)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    -- GSM 7-bit default alphabet and its extension (3GPP TS 23.038, 6.2.1). Those of the extension take two places.
    in_one := 160;
    in_many := 153;
    two_places := '[\f\u005b-\u005e\u007b-\u007e\u20ac]';
    IF content ~ '[^\n\r\f\u001b\u0020-\u005f\u0061-\u007e\u00a1\u00a3-\u00a5\u00a7\u00bf\u00c4-\u00c7\u00c9\u00d1\u00d6\u00d8\u00dc\u00df\u00e0\u00e4-\u00e6\u00e8\u00e9\u00ec\u00f1\u00f2\u00f6\u00f8\u00f9\u00fc\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03a9\u20ac]'
    THEN
        -- UCS-2: characters beyond U+FFFF are surrogate pairs.
        in_one := 70;
        in_many := 67;
        two_places := '[\U00010000-\U0010ffff]';
    END IF;
    doubled := regexp_count(content, two_places);
END
$$;

-- The number of SMS segments of a text, as count_segments() of messaging/segments.py. A character that takes two places is
-- not split over two segments: it is written as the two characters U+FFFF and x, of which U+FFFF does not end a segment.
CREATE FUNCTION text_segments(content text) RETURNS smallint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    characters integer := length(content);
    shape      record;
    places     text;
    place      integer := 1;
    segments   smallint := 0;
BEGIN
    IF is_in_single_places(content) THEN
        RETURN CASE WHEN characters <= 160 THEN 1 ELSE (characters + 152) / 153 END;
    END IF;
    shape := text_places(content);
    IF characters + shape.doubled <= shape.in_one THEN
        RETURN 1;
    END IF;
    IF shape.doubled = 0 THEN
        RETURN (characters + shape.in_many - 1) / shape.in_many;
    END IF;
    places := regexp_replace(translate(content, U&'\FFFF', 'x'), shape.two_places, U&'\FFFFx', 'g');
    WHILE place <= characters + shape.doubled LOOP
        place := place + shape.in_many
            - CASE WHEN substr(places, place + shape.in_many - 1, 1) = U&'\FFFF' THEN 1 ELSE 0 END;
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
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE field
    WHEN 'name' THEN plain_value(name)
    WHEN 'phone' THEN plain_value(phone)
    WHEN 'email' THEN plain_value(email)
    WHEN 'firstName' THEN
        coalesce(nullif(plain_value(fields ->> 'firstName'), ''), split_part(plain_value(name), ' ', 1))
    WHEN 'lastName' THEN coalesce(
        nullif(plain_value(fields ->> 'lastName'), ''),
        CASE WHEN strpos(plain_value(name), ' ') > 0 THEN split_part(plain_value(name), ' ', -1) END
    )
    ELSE plain_value(fields ->> field)
END;

-- What is the same for all recipients of a message with merge fields, so that a text is rarely written out to count it.
CREATE TYPE merge_plan AS (
    -- As in merge_fields.
    fields     jsonb,
    -- The segments of every text whose values together have at most so many characters, each of which takes one place in GSM
    -- 7-bit; such a text is neither too long nor empty. Negative: there is none. Segments are NULL if the texts are not counted.
    segments   smallint,
    characters integer
);
CREATE FUNCTION plan_merging(merge_fields jsonb) RETURNS merge_plan
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    plan         merge_plan := ROW(merge_fields -> 'fields', NULL, 2147483647);
    values_count integer := jsonb_array_length(plan.fields);
    template     jsonb;
    constant     text;
    most_places  integer; -- in which the text has one field
    in_one       integer;
    in_many      integer;
    units        integer;
BEGIN
    FOR template IN SELECT jsonb_array_elements(merge_fields -> 'texts') LOOP
        constant := format(template ->> 'format', VARIADIC array_fill(''::text, ARRAY[values_count]));
        SELECT coalesce(max(places), 1)
        INTO most_places
        FROM (
            SELECT count(*) AS places
            FROM regexp_matches(replace(template ->> 'format', '%%', ''), '%(\d+)\$s', 'g') AS field (number)
            GROUP BY field.number
        ) AS counted;
        plan.characters := least(plan.characters, ((template ->> 'longest')::integer - length(constant)) / most_places);
        IF length(constant) > (template ->> 'longest')::integer
            OR (merge_fields ->> 'needsText')::boolean AND is_empty_text(constant)
        THEN
            plan.characters := -1;
        END IF;
        IF template ->> 'name' = 'content' AND (merge_fields ->> 'countsSegments')::boolean THEN
            SELECT places.in_one, places.in_many - CASE WHEN places.doubled > 0 THEN 1 ELSE 0 END,
                   length(constant) + places.doubled
            INTO in_one, in_many, units
            FROM text_places(constant) AS places;
            plan.segments := text_segments(constant);
            -- A segment of several has a place left over at most, which a character of two places did not fit into.
            IF plan.segments > 1 THEN
                in_one := plan.segments * in_many;
            END IF;
            plan.characters := CASE WHEN units > in_one THEN -1 ELSE least(plan.characters, (in_one - units) / most_places) END;
        END IF;
    END LOOP;
    RETURN plan;
END
$$;

-- Why a text with these values is not sent; NULL: it is sent.
CREATE FUNCTION merge_problem(merge_fields jsonb, merge_values text[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    template jsonb;
    merged   text;
    problem  text;
BEGIN
    FOR place IN 0 .. jsonb_array_length(merge_fields -> 'texts') - 1 LOOP
        template := merge_fields -> 'texts' -> place;
        merged := format(template ->> 'format', VARIADIC merge_values);
        IF length(merged) > (template ->> 'longest')::integer THEN
            problem := 'text too long';
        ELSIF (merge_fields ->> 'needsText')::boolean AND is_empty_text(merged) THEN
            problem := 'text is empty';
        END IF;
    END LOOP;
    RETURN problem;
END
$$;

-- What a delivery of a message with merge fields gets when it is written: the values of the contact (all NULL: the recipient is
-- not a contact), the segments of the text with them, and why it is not sent, if it is not. PostgreSQL puts the body into the
-- query that calls it, which takes a third of the time of a call for each recipient. plan is plan_merging(merge_fields).
CREATE FUNCTION merge_contact(
    merge_fields jsonb, plan merge_plan, name text, phone text, email text, fields jsonb
) RETURNS TABLE (merge_values text[], segments smallint, reason text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT judged.merge_values,
           CASE WHEN judged.is_usual THEN (plan).segments
                WHEN judged.problem IS NULL AND (merge_fields ->> 'countsSegments')::boolean
                    THEN text_segments(format(merge_fields -> 'texts' -> 0 ->> 'format', VARIADIC judged.merge_values)) END,
           judged.problem
    FROM (
        SELECT examined.merge_values, examined.is_usual,
               CASE WHEN NOT examined.is_usual THEN merge_problem(merge_fields, examined.merge_values) END AS problem
        FROM (
            SELECT valued.merge_values,
                   length(array_to_string(valued.merge_values, '')) <= (plan).characters
                       AND is_in_single_places(array_to_string(valued.merge_values, '')) AS is_usual
            FROM (
                SELECT ARRAY(
                    SELECT CASE WHEN placed.value = '' THEN ''
                                ELSE (placed.field ->> 'before') || placed.value || (placed.field ->> 'after') END
                    FROM (
                        SELECT field,
                               coalesce(
                                   nullif(contact_value(field ->> 'name', name, phone, email, fields), ''),
                                   field ->> 'default'
                               ) AS value
                        FROM jsonb_array_elements((plan).fields) AS field
                        OFFSET 0
                    ) AS placed
                ) AS merge_values
                OFFSET 0
            ) AS valued
            OFFSET 0
        ) AS examined
        OFFSET 0
    ) AS judged
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
    IF merge_fields IS NULL OR merge_values IS NULL OR jsonb_array_length(merge_fields -> 'texts') = 1 THEN
        RETURN details;
    END IF;
    RETURN details || coalesce((
        SELECT jsonb_object_agg(template ->> 'name', format(template ->> 'format', VARIADIC merge_values))
        FROM jsonb_array_elements(merge_fields -> 'texts') AS template
        WHERE template ->> 'name' <> 'content'
    ), '{}');
END
$$;

-- Texts that a church keeps, to send them again. A message copies the text, so that later changes do not change it.
CREATE TABLE templates (
    template_id uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id   uuid NOT NULL REFERENCES churches,
    name        text NOT NULL CHECK (name <> ''),
    -- NULL: for any channel.
    channel     text,
    content     text NOT NULL,
    details     jsonb NOT NULL DEFAULT '{}', -- as of messages
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz
);
CREATE UNIQUE INDEX templates_by_name ON templates (church_id, lower(name));
CREATE INDEX templates_page ON templates (church_id, template_id);

ALTER TABLE templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE templates FORCE ROW LEVEL SECURITY;
CREATE POLICY own_church ON templates USING ((SELECT works_for_the_system()) OR church_id = (SELECT working_church()));

-- As in 0017_metrics.sql, with further reasons.
CREATE OR REPLACE FUNCTION metric_reason(status delivery_status, error_code text, reason text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN status IN ('sending', 'sent', 'canceled') THEN ''
    WHEN status IN ('queued', 'unknown', 'undelivered', 'failed')
        AND error_code ~ '^([1-9][0-9]{4}|[245][0-5][0-9]|[245][.][0-7][.]([0-9]|[12][0-9]|30))$' THEN error_code
    WHEN reason IS NULL THEN ''
    WHEN split_part(reason, ' (', 1) IN (
        'opted out', 'bounced before', 'no address', 'number is never texted', 'region not allowed', 'duplicate',
        'quiet hours', 'too late to be sent', 'daily limit', 'decided by a person',
        'the worker went silent', 'its carrier id belongs to another delivery', 'no response from the carrier',
        'the carrier failed', 'the submission failed unexpectedly', 'the carrier cannot be reached',
        'returned before it was submitted', 'refused before it reached the carrier',
        'the mail server did not confirm whether it accepted the mail', 'the mail server cannot be reached',
        'the connection was lost before the whole mail was sent', 'the mail cannot be composed',
        'an earlier attempt arrived, this one perhaps too',
        'text too long', 'text is empty'
    ) THEN split_part(reason, ' (', 1)
    ELSE 'other'
END;
