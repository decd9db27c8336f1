-- name: read_outlooks
-- For churches and channels: the state of the sender, and how much of the open messages is sent. Each number is counted up to
-- `most_counted`. LATERAL with OFFSET 0: index probes for each church, however large the tables are.
SELECT churches.church_id, wanted.channel, churches.name AS church_name, churches.suspended_reason,
       senders.channel IS NOT NULL AS has_sender, senders.address, senders.messaging_service_sid,
       senders.paused_reason, senders.paused_code, senders.paused_by,
       counted.sent, counted.waiting, counted.recipients
FROM unnest(:church_ids::uuid[], :channels::text[]) AS wanted (church_id, channel)
JOIN churches ON churches.church_id = wanted.church_id
LEFT JOIN senders ON senders.church_id = wanted.church_id AND senders.channel = wanted.channel
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status IN ('sent', 'delivered', 'undelivered')) AS sent,
           count(*) FILTER (WHERE status = 'queued') AS waiting,
           count(*) AS recipients
    FROM (
        SELECT deliveries.status
        FROM messages
        JOIN deliveries ON deliveries.message_id = messages.message_id
        WHERE messages.church_id = wanted.church_id AND messages.channel = wanted.channel AND messages.completed_at IS NULL
          AND deliveries.status NOT IN ('suppressed', 'canceled')
        LIMIT :most_counted
    ) AS open_deliveries
    OFFSET 0
) AS counted;

-- name: get_names
SELECT church_id, name FROM churches WHERE church_id = ANY (:church_ids::uuid[]);
