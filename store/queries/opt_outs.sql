-- name: recipient_of
-- The recipient of a delivery, or, if the delivery or its address is no longer kept, the one that the caller names.
-- A bounce does not count as an opt-out here: a person who gets the mail after all can still unsubscribe.
SELECT recipient.church_id, churches.name AS church_name, recipient.address,
       coalesce(opt_outs.source <> 'bounce', false) AS opted_out,
       coalesce(
           opt_outs.source = :undoable_source AND opt_outs.opted_out_at > now() - :undo_days * interval '1 day', false
       ) AS can_undo
FROM (
    SELECT coalesce(deliveries.church_id, named.church_id) AS church_id, coalesce(deliveries.address, named.address) AS address
    FROM (SELECT :church_id::uuid AS church_id, :address::text AS address) AS named
    LEFT JOIN deliveries ON deliveries.delivery_id = :delivery_id
) AS recipient
JOIN churches ON churches.church_id = recipient.church_id
LEFT JOIN opt_outs ON opt_outs.church_id = recipient.church_id AND opt_outs.address = recipient.address
WHERE recipient.address IS NOT NULL;

-- name: opt_out!
-- An opt-out by a person replaces a bounce, so that lifting a bounce never lifts an opt-out. Otherwise the first row stays.
WITH opted_out AS (
    INSERT INTO opt_outs (church_id, address, source)
    VALUES (:church_id, :address, :source)
    ON CONFLICT (church_id, address) DO UPDATE
    SET source = excluded.source, opted_out_at = now()
    WHERE opt_outs.source = 'bounce' AND excluded.source <> 'bounce'
    RETURNING church_id, address, source
)
INSERT INTO consent_events (church_id, address, event, source, evidence)
SELECT church_id, address, 'opt_out', source, :evidence
FROM opted_out;

-- name: opt_in
-- Deletes the opt-out and keeps its source and time in the history.
WITH lifted AS (
    DELETE FROM opt_outs
    WHERE church_id = :church_id AND address = :address
      AND (:only_source::text IS NULL OR source = :only_source::text)
      AND (:since_days::double precision IS NULL
           OR opted_out_at > now() - :since_days::double precision * interval '1 day')
    RETURNING church_id, address, source, opted_out_at
), recorded_event AS (
    INSERT INTO consent_events (church_id, address, event, source, evidence, lifted_source, lifted_since)
    SELECT church_id, address, 'opt_in', :source, :evidence, source, opted_out_at
    FROM lifted
)
SELECT address, source, opted_out_at
FROM lifted;

-- name: get_opt_out
SELECT address, source, opted_out_at
FROM opt_outs
WHERE church_id = :church_id AND address = :address;

-- name: list_opt_outs
SELECT address, source, opted_out_at
FROM opt_outs
WHERE church_id = :church_id AND (:address::text IS NULL OR address = :address::text)
ORDER BY opted_out_at, address;

-- name: list_consent_events
SELECT address, event, source, evidence, happened_at
FROM consent_events
WHERE church_id = :church_id AND (:address::text IS NULL OR address = :address::text)
ORDER BY consent_event_id;
