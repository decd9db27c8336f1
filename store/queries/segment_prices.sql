-- name: set_price
-- The price of a church, or of every church without one (church_id NULL), from a day on. Returns no row for a day of a month
-- that is over: what it cost is settled.
INSERT INTO segment_prices (church_id, channel, valid_from, per_segment, currency)
SELECT :church_id::uuid, :channel, :valid_from::date, :per_segment::numeric, :currency
WHERE :valid_from::date >= date_trunc('month', now() AT TIME ZONE coalesce(
    (SELECT time_zone FROM churches WHERE church_id = :church_id::uuid), 'UTC'
))::date
ON CONFLICT (church_id, channel, valid_from) DO UPDATE
SET per_segment = excluded.per_segment, currency = excluded.currency
RETURNING channel;

-- name: list_prices
SELECT channel, valid_from, per_segment, currency
FROM segment_prices
WHERE church_id IS NOT DISTINCT FROM :church_id::uuid
ORDER BY channel, valid_from;
