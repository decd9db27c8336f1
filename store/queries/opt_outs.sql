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

-- name: opt_out
-- Of one or more churches, in one order, so that concurrent calls do not deadlock. An opt-out by a person replaces a bounce, so
-- that lifting a bounce never lifts an opt-out. Otherwise the first row stays. Returns the churches whose row is new.
WITH opted_out AS (
    INSERT INTO opt_outs (church_id, address, source)
    SELECT church_id, :address::text, :source::text
    FROM unnest(:church_ids::uuid[]) AS listed (church_id)
    ORDER BY church_id
    ON CONFLICT (church_id, address) DO UPDATE
    SET source = excluded.source, opted_out_at = now()
    WHERE opt_outs.source = 'bounce' AND excluded.source <> 'bounce'
    RETURNING church_id, address, source
), recorded AS (
    INSERT INTO consent_events (
        church_id, address, event, source, evidence, channel, actor_kind, actor, inbound_message_id
    )
    SELECT church_id, address, 'opt_out', source, :evidence, :channel, :actor_kind, :actor, :inbound_message_id
    FROM opted_out
)
SELECT church_id FROM opted_out;

-- name: opt_out_addresses!
-- Of many addresses of one church, each with evidence of its own. As in opt_out; of an address that is listed twice, the first
-- evidence counts.
WITH stated AS (
    SELECT DISTINCT ON (address) address, evidence
    FROM unnest(:addresses::text[], :evidences::text[]) WITH ORDINALITY AS listed (address, evidence, position)
    ORDER BY address, position
), opted_out AS (
    INSERT INTO opt_outs (church_id, address, source)
    SELECT :church_id, address, :source::text
    FROM stated
    ORDER BY address
    ON CONFLICT (church_id, address) DO UPDATE
    SET source = excluded.source, opted_out_at = now()
    WHERE opt_outs.source = 'bounce' AND excluded.source <> 'bounce'
    RETURNING church_id, address, source
)
INSERT INTO consent_events (church_id, address, event, source, evidence, actor_kind, actor)
SELECT opted_out.church_id, opted_out.address, 'opt_out', opted_out.source, stated.evidence, :actor_kind, :actor
FROM opted_out
JOIN stated ON stated.address = opted_out.address;

-- name: opt_out_of_senders!
-- Records that the carrier refuses these addresses for these senders of these churches. In one order, as above.
WITH opted_out AS (
    INSERT INTO sender_opt_outs (church_id, address, sender, source)
    SELECT DISTINCT refused.church_id, refused.address, refused.sender, :source::text
    FROM unnest(:church_ids::uuid[], :addresses::text[], :senders::text[]) AS refused (church_id, address, sender)
    ORDER BY refused.church_id, refused.address, refused.sender
    ON CONFLICT (church_id, address, sender) DO NOTHING
    RETURNING church_id, address, sender, source
)
INSERT INTO consent_events (church_id, address, event, source, channel, sender)
SELECT church_id, address, 'opt_out', source, :channel::text, sender
FROM opted_out;

-- name: opt_out_of_senders_of_deliveries!
-- The same for the recipients of deliveries and the present senders of their churches.
WITH opted_out AS (
    INSERT INTO sender_opt_outs (church_id, address, sender, source)
    SELECT DISTINCT deliveries.church_id, deliveries.address, coalesce(senders.messaging_service_sid, senders.address),
           :source::text
    FROM deliveries
    JOIN senders ON senders.church_id = deliveries.church_id AND senders.channel = deliveries.channel
    WHERE deliveries.delivery_id = ANY (:delivery_ids::uuid[]) AND deliveries.address IS NOT NULL
    ORDER BY 1, 2, 3
    ON CONFLICT (church_id, address, sender) DO NOTHING
    RETURNING church_id, address, sender, source
)
INSERT INTO consent_events (church_id, address, event, source, sender)
SELECT church_id, address, 'opt_out', source, sender
FROM opted_out;

-- name: opt_in
-- Deletes the opt-outs of the address, and keeps their sources and times in the history: that of the church, and those of
-- senders, of all or of those listed. Returns them, that of the church first.
-- An opt-out that is younger than `settled_seconds` stays: the order in which the person wrote is not known. So does an older one
-- if the person has written STOP, once more, within this time.
WITH unsettled AS MATERIALIZED (
    SELECT church_id
    FROM unnest(:church_ids::uuid[]) AS listed (church_id)
    WHERE :settled_seconds::double precision > 0 AND EXISTS (
        SELECT FROM inbound_messages
        WHERE inbound_messages.church_id = listed.church_id AND inbound_messages.from_address = :address::text
          AND inbound_messages.keyword = 'opt_out'
          AND inbound_messages.inbound_message_id > (SELECT uuidv7(:settled_seconds::double precision * interval '-1 second'))
    )
), lifted_of_church AS (
    DELETE FROM opt_outs
    WHERE church_id = ANY (:church_ids::uuid[]) AND address = :address::text
      AND (:only_source::text IS NULL OR source = :only_source::text)
      AND (:since_days::double precision IS NULL
           OR opted_out_at > now() - :since_days::double precision * interval '1 day')
      AND opted_out_at <= now() - :settled_seconds::double precision * interval '1 second'
      AND NOT EXISTS (SELECT FROM unsettled)
    RETURNING church_id, address, source, opted_out_at
), lifted_of_senders AS (
    DELETE FROM sender_opt_outs
    WHERE church_id = ANY (:church_ids::uuid[]) AND address = :address::text
      AND :only_source::text IS NULL
      AND (:senders::text[] IS NULL OR sender = ANY (:senders::text[]))
      AND opted_out_at <= now() - :settled_seconds::double precision * interval '1 second'
      AND NOT EXISTS (SELECT FROM unsettled)
    RETURNING church_id, address, source, opted_out_at, sender
), lifted AS (
    SELECT church_id, address, source, opted_out_at, NULL AS sender FROM lifted_of_church
    UNION ALL
    SELECT church_id, address, source, opted_out_at, sender FROM lifted_of_senders
), recorded AS (
    INSERT INTO consent_events (
        church_id, address, event, source, evidence, lifted_source, lifted_since, channel, actor_kind, actor,
        inbound_message_id, sender
    )
    SELECT church_id, address, 'opt_in', :source, :evidence, source, opted_out_at, :channel, :actor_kind, :actor,
           :inbound_message_id, sender
    FROM lifted
)
SELECT church_id, address, source, opted_out_at, sender
FROM lifted
ORDER BY sender NULLS FIRST, church_id;

-- name: get_opt_out
SELECT address, source, opted_out_at
FROM opt_outs
WHERE church_id = :church_id AND address = :address;

-- name: get_holding_opt_out
-- What keeps the present sender of a channel from sending to the address: the opt-out from the church, else that from the sender.
SELECT address, source, opted_out_at, sender
FROM (
    SELECT address, source, opted_out_at, NULL AS sender
    FROM opt_outs
    WHERE church_id = :church_id AND address = :address
    UNION ALL
    SELECT sender_opt_outs.address, sender_opt_outs.source, sender_opt_outs.opted_out_at, sender_opt_outs.sender
    FROM senders
    JOIN sender_opt_outs ON sender_opt_outs.church_id = senders.church_id
        AND sender_opt_outs.sender = coalesce(senders.messaging_service_sid, senders.address)
    WHERE senders.church_id = :church_id AND senders.channel = :channel AND sender_opt_outs.address = :address
) AS holding
ORDER BY sender NULLS FIRST
LIMIT 1;

-- name: is_opted_out
-- From any of the churches, or from any of these senders of theirs. A bounce is not an opt-out.
SELECT EXISTS (
    SELECT FROM opt_outs
    WHERE church_id = ANY (:church_ids::uuid[]) AND address = :address AND source <> 'bounce'
) OR EXISTS (
    SELECT FROM sender_opt_outs
    WHERE church_id = ANY (:church_ids::uuid[]) AND address = :address AND sender = ANY (:senders::text[])
);

-- name: list_opt_outs
SELECT address, source, opted_out_at, NULL AS sender
FROM opt_outs
WHERE church_id = :church_id AND (:address::text IS NULL OR address = :address::text)
UNION ALL
SELECT address, source, opted_out_at, sender
FROM sender_opt_outs
WHERE church_id = :church_id AND (:address::text IS NULL OR address = :address::text)
ORDER BY opted_out_at, address, sender;

-- name: list_consent_events
-- With the label of the key that recorded an event, as it is now.
SELECT consent_events.address, consent_events.event, consent_events.source, consent_events.evidence,
       consent_events.happened_at, consent_events.channel, consent_events.actor_kind, consent_events.actor,
       api_keys.label AS actor_label, consent_events.inbound_message_id, consent_events.sender
FROM consent_events
LEFT JOIN api_keys ON consent_events.actor_kind = 'key' AND api_keys.api_key_id::text = consent_events.actor
    AND api_keys.church_id = consent_events.church_id
WHERE consent_events.church_id = :church_id AND (:address::text IS NULL OR consent_events.address = :address::text)
ORDER BY consent_events.consent_event_id;
