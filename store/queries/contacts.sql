-- name: lock_church
-- One import of a church at a time: several that meet the same people would each make them, or wait for one another.
SELECT FROM churches WHERE church_id = :church_id FOR NO KEY UPDATE;

-- name: add_numbers_to_contacts!
-- A person known so far by mail address and name gets the number that they are now given with, unless that number and
-- name are somebody already.
WITH given AS (
    SELECT DISTINCT ON (email, lower(name)) phone, email, lower(name) AS person, region
    FROM unnest(:names::text[], :phones::text[], :emails::text[], :regions::text[]) WITH ORDINALITY
        AS listed (name, phone, email, region, place)
    WHERE email IS NOT NULL
    ORDER BY email, lower(name), place
), known AS (
    SELECT DISTINCT ON (given.phone, given.person) contacts.contact_id, given.phone, given.region
    FROM given
    JOIN contacts ON contacts.church_id = :church_id AND contacts.phone IS NULL
        AND contacts.email = given.email AND lower(contacts.name) = given.person
    WHERE NOT EXISTS (
        SELECT FROM contacts AS others
        WHERE others.church_id = :church_id AND others.phone = given.phone AND lower(others.name) = given.person
    )
    ORDER BY given.phone, given.person, contacts.contact_id
)
UPDATE contacts
SET phone = known.phone, number_region = known.region
FROM known
WHERE contacts.contact_id = known.contact_id;

-- name: add_by_phone
-- In the order given, with whether each is new. A person already known (same number and name) stays who they are, and
-- keeps their mail address unless another is given.
WITH given AS (
    SELECT place, name, phone, email, region
    FROM unnest(:names::text[], :phones::text[], :emails::text[], :regions::text[]) WITH ORDINALITY
        AS listed (name, phone, email, region, place)
), stored AS (
    INSERT INTO contacts (church_id, name, phone, email, number_region)
    SELECT DISTINCT ON (phone, lower(name)) :church_id, name, phone, email, region
    FROM given
    ORDER BY phone, lower(name), email IS NULL, place
    ON CONFLICT (church_id, phone, lower(name)) DO UPDATE
    SET email = coalesce(excluded.email, contacts.email), number_region = excluded.number_region
    RETURNING contact_id, phone, email, lower(name) AS person, xmax = 0 AS created
)
SELECT stored.contact_id, stored.phone, stored.email,
       stored.created AND row_number() OVER (PARTITION BY stored.contact_id ORDER BY given.place) = 1 AS created
FROM given
JOIN stored ON stored.phone = given.phone AND stored.person = lower(given.name)
ORDER BY given.place;

-- name: add_by_email
-- Those without a number, in the order given, with whether each is new. A person already known (same mail address and
-- name, with a number or without) stays who they are.
WITH given AS (
    SELECT place, name, email
    FROM unnest(:names::text[], :emails::text[]) WITH ORDINALITY AS listed (name, email, place)
), known AS MATERIALIZED (
    SELECT DISTINCT ON (contacts.email, lower(contacts.name))
           contacts.contact_id, contacts.phone, contacts.email, lower(contacts.name) AS person, false AS created
    FROM contacts
    WHERE contacts.church_id = :church_id
      AND (contacts.email, lower(contacts.name)) IN (SELECT email, lower(name) FROM given)
    ORDER BY contacts.email, lower(contacts.name), contacts.contact_id
), stored AS (
    INSERT INTO contacts (church_id, name, email)
    SELECT DISTINCT ON (email, lower(name)) :church_id, name, email
    FROM given
    WHERE (email, lower(name)) NOT IN (SELECT email, person FROM known)
    ORDER BY email, lower(name), place
    RETURNING contact_id, phone, email, lower(name) AS person, true AS created
), people AS (
    SELECT contact_id, phone, email, person, created FROM known
    UNION ALL
    SELECT contact_id, phone, email, person, created FROM stored
)
SELECT people.contact_id, people.phone, people.email,
       people.created AND row_number() OVER (PARTITION BY people.contact_id ORDER BY given.place) = 1 AS created
FROM given
JOIN people ON people.email = given.email AND people.person = lower(given.name)
ORDER BY given.place;

-- name: page_contacts
-- The start is always a bound of the index, also in a plan made before `after` is known.
SELECT contacts.contact_id, contacts.name, contacts.phone, contacts.email, contacts.time_zone, contacts.created_at,
       opt_outs.opted_out_at, mail_opt_outs.opted_out_at AS mail_opted_out_at
FROM contacts
LEFT JOIN opt_outs ON opt_outs.church_id = contacts.church_id AND opt_outs.address = contacts.phone
LEFT JOIN opt_outs AS mail_opt_outs
    ON mail_opt_outs.church_id = contacts.church_id AND mail_opt_outs.address = contacts.email
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

-- name: set_contact_zones!
-- What is not told stays: a person given by mail address alone may have a number of before.
UPDATE contacts
SET time_zone = coalesce(placed.time_zone, contacts.time_zone),
    number_zones = coalesce(placed.number_zones, contacts.number_zones)
FROM unnest(:contact_ids::uuid[], :time_zones::text[], :number_zones::text[])
    AS placed (contact_id, time_zone, number_zones)
WHERE contacts.contact_id = placed.contact_id AND contacts.church_id = :church_id
  AND (coalesce(placed.time_zone, contacts.time_zone), coalesce(placed.number_zones, contacts.number_zones))
      IS DISTINCT FROM (contacts.time_zone, contacts.number_zones);

-- name: lock_unlocated_contacts
-- Of before numbers were asked where they are from, or written past the API.
SELECT contact_id, phone
FROM contacts
WHERE (number_zones IS NULL OR number_region IS NULL) AND phone IS NOT NULL
ORDER BY church_id, contact_id
LIMIT :row_limit
FOR UPDATE SKIP LOCKED;

-- name: lock_unlocated_contacts_of_church
-- Of one church that is about to text them. What another is judging just now is waited for.
SELECT contact_id, phone
FROM contacts
WHERE church_id = :church_id AND number_region IS NULL AND phone IS NOT NULL
ORDER BY contact_id
LIMIT :row_limit
FOR UPDATE;

-- name: set_number_locations!
UPDATE contacts
SET number_zones = placed.number_zones, number_region = placed.number_region
FROM unnest(:contact_ids::uuid[], :number_zones::text[], :number_regions::text[])
    AS placed (contact_id, number_zones, number_region)
WHERE contacts.contact_id = placed.contact_id;
