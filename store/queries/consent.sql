-- name: list_opt_outs_before
-- Present opt-outs of a church, and those of its single senders, newest first, of one address or source or of all. Many may have one
-- time, such as those of an import: within it they are in the order of a hash. A time always bounds the index scans.
SELECT address, source, opted_out_at, sender, md5(address || coalesce(sender, ''))::uuid AS tie
FROM (
    SELECT address, source, opted_out_at, NULL AS sender
    FROM opt_outs
    WHERE church_id = :church_id AND opted_out_at <= :before_at
    UNION ALL
    SELECT address, source, opted_out_at, sender
    FROM sender_opt_outs
    WHERE church_id = :church_id AND opted_out_at <= :before_at
) AS present
WHERE (opted_out_at, md5(address || coalesce(sender, ''))::uuid) < (:before_at, :before_tie)
  AND (:addresses::text[] IS NULL OR address = ANY (:addresses::text[]))
  AND (:source::text IS NULL OR source = :source::text)
ORDER BY opted_out_at DESC, tie DESC
LIMIT :row_limit;

-- name: find_opt_outs_of
-- Present opt-outs of these addresses.
SELECT address, source, opted_out_at, NULL AS sender
FROM opt_outs
WHERE church_id = :church_id AND address = ANY (:addresses::text[])
UNION ALL
SELECT address, source, opted_out_at, sender
FROM sender_opt_outs
WHERE church_id = :church_id AND address = ANY (:addresses::text[])
ORDER BY opted_out_at, address, sender;

-- name: record_consent!
-- The consent of a person who is not opted out: evidence that a church keeps, and nothing else changes.
INSERT INTO consent_events (church_id, address, event, source, evidence, actor_kind, actor)
VALUES (:church_id, :address, 'opt_in', :source, :evidence, :actor_kind, :actor);

-- name: latest_events
-- The latest of the history of an address, newest first, with the label of the key that recorded an event, as it is now.
SELECT consent_events.address, consent_events.event, consent_events.source, consent_events.evidence,
       consent_events.happened_at, consent_events.channel, consent_events.actor_kind, consent_events.actor,
       api_keys.label AS actor_label, consent_events.inbound_message_id, consent_events.sender
FROM consent_events
LEFT JOIN api_keys ON consent_events.actor_kind = 'key' AND api_keys.api_key_id::text = consent_events.actor
    AND api_keys.church_id = consent_events.church_id
WHERE consent_events.church_id = :church_id AND consent_events.address = :address
ORDER BY consent_events.consent_event_id DESC
LIMIT :row_limit;

-- name: get_addresses
-- The phone number and the mail address of a contact.
SELECT phone, email FROM contacts WHERE church_id = :church_id AND contact_id = :contact_id;
