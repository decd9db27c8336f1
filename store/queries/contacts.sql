-- name: add_contacts
-- In the order given, with whether each is new. A person already known (same number and name) stays who they are;
-- the update changes nothing and is there for its RETURNING, which also sees rows of a concurrent import.
WITH given AS (
    SELECT place, name, phone
    FROM unnest(:names::text[], :phones::text[]) WITH ORDINALITY AS listed (name, phone, place)
), stored AS (
    INSERT INTO contacts (church_id, name, phone)
    SELECT DISTINCT ON (phone, lower(name)) :church_id, name, phone
    FROM given
    ORDER BY phone, lower(name), place
    ON CONFLICT (church_id, phone, lower(name)) DO UPDATE SET phone = excluded.phone
    RETURNING contact_id, phone, lower(name) AS person, xmax = 0 AS created
)
SELECT stored.contact_id,
       stored.created AND row_number() OVER (PARTITION BY stored.contact_id ORDER BY given.place) = 1 AS created
FROM given
JOIN stored ON stored.phone = given.phone AND stored.person = lower(given.name)
ORDER BY given.place;

-- name: page_contacts
-- The start is always a bound of the index, also in a plan made before `after` is known.
SELECT contacts.contact_id, contacts.name, contacts.phone, contacts.created_at,
       opt_outs.opted_out_at
FROM contacts
LEFT JOIN opt_outs ON opt_outs.church_id = contacts.church_id AND opt_outs.address = contacts.phone
WHERE contacts.church_id = :church_id
  AND contacts.contact_id > :after
ORDER BY contacts.contact_id
LIMIT :row_limit;

-- name: unknown_contacts
-- Which of the ids are not this church's.
SELECT listed.contact_id
FROM unnest(:contact_ids::uuid[]) AS listed (contact_id)
WHERE NOT EXISTS (
    SELECT FROM contacts
    WHERE contacts.church_id = :church_id AND contacts.contact_id = listed.contact_id
);
