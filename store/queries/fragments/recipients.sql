-- The CTE `recipients`: the `audience` (fragments/audience.sql) of `message`, which also has its church_id and `regions`, those that
-- the church may text. `reason` says why somebody gets nothing; NULL: a delivery is sent.
-- Numbers of regions that the church may not text, and of kinds that are never texted (region of no letters), are among them.
recipients AS (
    SELECT audience.message_id,
           audience.contact_id,
           audience.address,
           audience.zones,
           audience.region,
           CASE
               WHEN audience.address IS NULL THEN 'no address'
               WHEN opt_outs.source = 'bounce' THEN 'bounced before'
               WHEN opt_outs.address IS NOT NULL THEN 'opted out'
               WHEN :address_kind::text = 'phone' AND coalesce(audience.region, '') = '' THEN 'number is never texted'
               WHEN :address_kind::text = 'phone' AND audience.region <> ALL (message.regions) THEN 'region not allowed'
               WHEN row_number() OVER (
                   PARTITION BY audience.address, audience.message_id ORDER BY audience.contact_id
               ) > 1 THEN 'duplicate'
           END AS reason
    FROM message
    JOIN audience USING (message_id)
    LEFT JOIN opt_outs ON opt_outs.church_id = message.church_id AND opt_outs.address = audience.address
),
