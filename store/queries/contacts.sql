-- name: lock_church
-- One import of a church at a time: concurrent imports of the same people would duplicate them or deadlock.
SELECT FROM churches WHERE church_id = :church_id FOR NO KEY UPDATE;

-- name: add_numbers_to_contacts!
-- Adds the phone number to a contact that was stored with only a mail address, if mail address and name match and no
-- other contact has that number and name.
WITH input AS (
    SELECT DISTINCT ON (email, lower(name)) phone, email, lower(name) AS person, region
    FROM unnest(:names::text[], :phones::text[], :emails::text[], :regions::text[]) WITH ORDINALITY
        AS listed (name, phone, email, region, position)
    WHERE email IS NOT NULL
    ORDER BY email, lower(name), position
), existing AS (
    SELECT DISTINCT ON (input.phone, input.person) contacts.contact_id, input.phone, input.region
    FROM input
    JOIN contacts ON contacts.church_id = :church_id AND contacts.phone IS NULL
        AND contacts.email = input.email AND lower(contacts.name) = input.person
    WHERE NOT EXISTS (
        SELECT FROM contacts AS others
        WHERE others.church_id = :church_id AND others.phone = input.phone AND lower(others.name) = input.person
    )
    ORDER BY input.phone, input.person, contacts.contact_id
)
UPDATE contacts
SET phone = existing.phone, number_region = existing.region
FROM existing
WHERE contacts.contact_id = existing.contact_id;

-- name: add_by_phone
-- Returns one row for each input, in its order, with whether the contact is new. An existing contact (same number and name)
-- keeps its id, and its mail address unless the input has another.
WITH input AS (
    SELECT position, name, phone, email, region
    FROM unnest(:names::text[], :phones::text[], :emails::text[], :regions::text[]) WITH ORDINALITY
        AS listed (name, phone, email, region, position)
), stored AS (
    INSERT INTO contacts (church_id, name, phone, email, number_region)
    SELECT DISTINCT ON (phone, lower(name)) :church_id, name, phone, email, region
    FROM input
    ORDER BY phone, lower(name), email IS NULL, position
    ON CONFLICT (church_id, phone, lower(name)) DO UPDATE
    SET email = coalesce(excluded.email, contacts.email), number_region = excluded.number_region
    RETURNING contact_id, phone, email, lower(name) AS person, xmax = 0 AS created
)
SELECT stored.contact_id, stored.phone, stored.email,
       stored.created AND row_number() OVER (PARTITION BY stored.contact_id ORDER BY input.position) = 1 AS created
FROM input
JOIN stored ON stored.phone = input.phone AND stored.person = lower(input.name)
ORDER BY input.position;

-- name: add_by_email
-- Contacts without a number. Returns one row for each input, in its order, with whether the contact is new. An existing
-- contact (same mail address and name, with a number or without) keeps its id.
WITH input AS (
    SELECT position, name, email
    FROM unnest(:names::text[], :emails::text[]) WITH ORDINALITY AS listed (name, email, position)
), existing AS MATERIALIZED (
    SELECT DISTINCT ON (contacts.email, lower(contacts.name))
           contacts.contact_id, contacts.phone, contacts.email, lower(contacts.name) AS person, false AS created
    FROM contacts
    WHERE contacts.church_id = :church_id
      AND (contacts.email, lower(contacts.name)) IN (SELECT email, lower(name) FROM input)
    ORDER BY contacts.email, lower(contacts.name), contacts.contact_id
), stored AS (
    INSERT INTO contacts (church_id, name, email)
    SELECT DISTINCT ON (email, lower(name)) :church_id, name, email
    FROM input
    WHERE (email, lower(name)) NOT IN (SELECT email, person FROM existing)
    ORDER BY email, lower(name), position
    RETURNING contact_id, phone, email, lower(name) AS person, true AS created
), people AS (
    SELECT contact_id, phone, email, person, created FROM existing
    UNION ALL
    SELECT contact_id, phone, email, person, created FROM stored
)
SELECT people.contact_id, people.phone, people.email,
       people.created AND row_number() OVER (PARTITION BY people.contact_id ORDER BY input.position) = 1 AS created
FROM input
JOIN people ON people.email = input.email AND people.person = lower(input.name)
ORDER BY input.position;

-- name: page_contacts
-- `after` always bounds the index scan, also in a generic plan.
SELECT contacts.contact_id, contacts.name, contacts.phone, contacts.email, contacts.time_zone, contacts.fields,
       contacts.created_at, contacts.updated_at, opt_outs.opted_out_at, mail_opt_outs.opted_out_at AS mail_opted_out_at
FROM contacts
LEFT JOIN opt_outs ON opt_outs.church_id = contacts.church_id AND opt_outs.address = contacts.phone
LEFT JOIN opt_outs AS mail_opt_outs
    ON mail_opt_outs.church_id = contacts.church_id AND mail_opt_outs.address = contacts.email
WHERE contacts.church_id = :church_id
  AND contacts.contact_id > :after
ORDER BY contacts.contact_id
LIMIT :row_limit;

-- name: get_contacts
-- These contacts, in the order of their ids.
SELECT contacts.contact_id, contacts.name, contacts.phone, contacts.email, contacts.time_zone, contacts.fields,
       contacts.created_at, contacts.updated_at, opt_outs.opted_out_at, mail_opt_outs.opted_out_at AS mail_opted_out_at
FROM unnest(:contact_ids::uuid[]) AS listed (contact_id)
JOIN contacts ON contacts.contact_id = listed.contact_id
LEFT JOIN opt_outs ON opt_outs.church_id = contacts.church_id AND opt_outs.address = contacts.phone
LEFT JOIN opt_outs AS mail_opt_outs
    ON mail_opt_outs.church_id = contacts.church_id AND mail_opt_outs.address = contacts.email
WHERE contacts.church_id = :church_id
ORDER BY contacts.contact_id;

-- name: page_member_ids
-- Of a group that lists its members.
SELECT contact_id
FROM group_members
WHERE group_id = :group_id AND contact_id > :after AND church_id = :church_id
ORDER BY contact_id
LIMIT :row_limit;

-- name: unknown_contacts
-- The ids that belong to no contact of this church.
SELECT listed.contact_id
FROM unnest(:contact_ids::uuid[]) AS listed (contact_id)
WHERE NOT EXISTS (
    SELECT FROM contacts
    WHERE contacts.church_id = :church_id AND contacts.contact_id = listed.contact_id
);

-- name: set_contact_zones!
-- NULL leaves a value as it is: a contact that was imported with only a mail address may already have a number.
UPDATE contacts
SET time_zone = coalesce(located.time_zone, contacts.time_zone),
    number_zones = coalesce(located.number_zones, contacts.number_zones)
FROM unnest(:contact_ids::uuid[], :time_zones::text[], :number_zones::text[])
    AS located (contact_id, time_zone, number_zones)
WHERE contacts.contact_id = located.contact_id AND contacts.church_id = :church_id
  AND (coalesce(located.time_zone, contacts.time_zone), coalesce(located.number_zones, contacts.number_zones))
      IS DISTINCT FROM (contacts.time_zone, contacts.number_zones);

-- name: lock_unlocated_contacts
-- Contacts whose number has no zones or region yet: stored by an older release, or not through the API.
SELECT contact_id, phone
FROM contacts
WHERE (number_zones IS NULL OR number_region IS NULL) AND phone IS NOT NULL
ORDER BY church_id, contact_id
LIMIT :row_limit
FOR UPDATE SKIP LOCKED;

-- name: lock_unlocated_contacts_of_church
-- The same for one church, before it texts them. Waits for rows that another transaction is locating.
SELECT contact_id, phone
FROM contacts
WHERE church_id = :church_id AND number_region IS NULL AND phone IS NOT NULL
ORDER BY contact_id
LIMIT :row_limit
FOR UPDATE;

-- name: set_number_locations!
UPDATE contacts
SET number_zones = located.number_zones, number_region = located.number_region
FROM unnest(:contact_ids::uuid[], :number_zones::text[], :number_regions::text[])
    AS located (contact_id, number_zones, number_region)
WHERE contacts.contact_id = located.contact_id;
