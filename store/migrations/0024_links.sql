-- Short links in texts, and how often they are clicked.
-- depends: 0023_merge_fields

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

ALTER TABLE churches
    -- The domain of its short links, such as grace.example. NULL: that of the service.
    ADD COLUMN link_domain    text CHECK (link_domain = lower(link_domain) AND link_domain <> ''),
    -- Whether the links of a text are shortened when the request does not say.
    ADD COLUMN shortens_links boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX churches_by_link_domain ON churches (link_domain) WHERE link_domain IS NOT NULL;

-- Whether links are shortened, as the request said. NULL: as the church does by default.
ALTER TABLE messages ADD COLUMN shorten_links boolean;
ALTER TABLE schedules ADD COLUMN shorten_links boolean;

RESET lock_timeout;

-- One for each message and URL in it. The text of the message contains short_url.
CREATE TABLE links (
    -- The last part of short_url: random.
    code             text PRIMARY KEY CHECK (code ~ '^[2-9a-z]{12}$'),
    church_id        uuid NOT NULL REFERENCES churches,
    message_id       uuid NOT NULL,
    -- The place of the URL among those of the message, from 1.
    position         smallint NOT NULL,
    short_url        text NOT NULL,
    -- Where it leads. NULL: removed with the text of the message.
    url              text CHECK (url ~* '^https?://'),
    expires_at       timestamptz NOT NULL,
    clicks           bigint NOT NULL DEFAULT 0,
    first_clicked_at timestamptz,
    last_clicked_at  timestamptz
) WITH (fillfactor = 70); -- clicks are added in place: leave room, and index nothing that they change
CREATE INDEX links_of_message ON links (message_id, position);
CREATE INDEX links_to_delete ON links (expires_at) WHERE url IS NULL;

ALTER TABLE links ENABLE ROW LEVEL SECURITY;
ALTER TABLE links FORCE ROW LEVEL SECURITY;
CREATE POLICY own_church ON links
    USING ((SELECT works_for_the_system()) OR church_id = (SELECT working_church()));

-- Where the link with this code leads. No church is known yet, so row security hides every row but from this function, as with
-- find_key(). `works` is false for a link that has expired or whose URL was removed. One of a suspended church is not found.
CREATE FUNCTION find_link(wanted_code text) RETURNS TABLE (url text, works boolean)
LANGUAGE plpgsql AS $$
DECLARE
    scope_before text := coalesce(current_setting('koinonia.scope', true), '');
    found_url    text;
    found_works  boolean;
BEGIN
    PERFORM set_config('koinonia.scope', 'system', true);
    SELECT links.url, links.url IS NOT NULL AND links.expires_at > now()
    INTO found_url, found_works
    FROM links
    JOIN churches ON churches.church_id = links.church_id
    WHERE links.code = wanted_code AND churches.suspended_at IS NULL;
    PERFORM set_config('koinonia.scope', scope_before, true);
    IF found_works IS NOT NULL THEN
        RETURN QUERY SELECT found_url, found_works;
    END IF;
END
$$;
