-- Mail: people have e-mail addresses, messages subjects, senders names.
-- depends: 0004_speed

ALTER TABLE contacts
    -- In lower case, its domain in ASCII.
    ADD COLUMN email text;
-- A person is a number and a name together (contacts_person); who has no number, a mail address and a name.
CREATE UNIQUE INDEX contacts_person_by_email ON contacts (church_id, email, lower(name)) WHERE phone IS NULL;
CREATE INDEX contacts_by_email ON contacts (church_id, email, lower(name)) WHERE email IS NOT NULL;

-- What a channel's messages and senders have beyond text and address, by their names in JSON. For mail: subject, and
-- name and replyTo.
ALTER TABLE messages ADD COLUMN details jsonb NOT NULL DEFAULT '{}';
ALTER TABLE senders ADD COLUMN details jsonb NOT NULL DEFAULT '{}';
