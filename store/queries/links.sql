-- name: find_link
-- Run without a scope, in one round trip: a click is as cheap as the check of a key.
SELECT url, works FROM find_link(:code);

-- name: get_link_settings
SELECT link_domain, shortens_links FROM churches WHERE church_id = :church_id;

-- name: change_link_settings!
UPDATE churches SET link_domain = :link_domain, shortens_links = :shortens_links WHERE church_id = :church_id;

-- name: list_link_domains
-- Of all churches that have one: read once a minute by each web process, from an index that holds no others.
SELECT link_domain FROM churches WHERE link_domain IS NOT NULL ORDER BY link_domain;

-- name: set_links!
-- Makes these the links of a message. Those that it has already keep their code, others of the message are deleted. The code is
-- the last part of the short URL.
WITH wanted AS (
    SELECT right(listed.short_url, 12) AS code, listed.short_url, listed.url, listed.position
    FROM unnest(:short_urls::text[], :urls::text[]) WITH ORDINALITY AS listed (short_url, url, position)
), deleted AS (
    DELETE FROM links
    WHERE message_id = :message_id AND church_id = :church_id AND code NOT IN (SELECT code FROM wanted)
)
INSERT INTO links (code, church_id, message_id, position, short_url, url, expires_at)
SELECT code, :church_id, :message_id, position, short_url, url,
       coalesce(:send_at::timestamptz, now()) + interval '1 year'
FROM wanted
ON CONFLICT (code) DO UPDATE SET position = excluded.position, expires_at = excluded.expires_at
WHERE links.message_id = excluded.message_id;

-- name: list_links
SELECT short_url, url, expires_at, clicks, first_clicked_at, last_clicked_at
FROM links
WHERE message_id = :message_id AND church_id = :church_id
ORDER BY position;

-- name: get_choice
SELECT shorten_links FROM messages WHERE church_id = :church_id AND message_id = :message_id;

-- name: set_choice!
UPDATE messages SET shorten_links = :shorten_links WHERE church_id = :church_id AND message_id = :message_id;

-- name: add_clicks!
-- Adds what one process counted, once for each link whatever the number of clicks. Changes no indexed column and no other row.
-- Locked in one order, so that two processes do not deadlock.
WITH counted AS (
    SELECT code, clicks, first_at, last_at
    FROM unnest(:codes::text[], :clicks::bigint[], :first_ats::timestamptz[], :last_ats::timestamptz[])
        AS listed (code, clicks, first_at, last_at)
), locked AS MATERIALIZED (
    SELECT links.code
    FROM links
    WHERE links.code = ANY (:codes::text[])
    ORDER BY links.code
    FOR NO KEY UPDATE
)
UPDATE links
SET clicks = links.clicks + counted.clicks,
    first_clicked_at = least(links.first_clicked_at, counted.first_at),
    last_clicked_at = greatest(links.last_clicked_at, counted.last_at)
FROM counted
JOIN locked USING (code)
WHERE links.code = counted.code;

-- name: delete_dead_links
WITH deleted AS (
    DELETE FROM links
    WHERE code IN (
        SELECT code
        FROM links
        WHERE url IS NULL AND expires_at < now()
        ORDER BY expires_at
        LIMIT :row_limit
        FOR UPDATE SKIP LOCKED
    )
    RETURNING code
)
SELECT count(*) FROM deleted;
