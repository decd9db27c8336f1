-- name: record_watcher!
INSERT INTO watchers (process, host, seen_at, disk_used_percent)
VALUES (:process, :host, now(), :disk_used_percent)
ON CONFLICT (process, host) DO UPDATE
SET seen_at = excluded.seen_at, disk_used_percent = excluded.disk_used_percent;

-- name: list_watchers
SELECT process, host, extract(epoch FROM now() - seen_at)::double precision AS seen_seconds_ago, disk_used_percent
FROM watchers
ORDER BY process, host;

-- name: delete_old_watchers!
-- Hosts that are gone, such as the containers of earlier deploys. A clock that is down stays known for this long.
DELETE FROM watchers WHERE seen_at < now() - interval '1 day';

-- name: take_lease!
-- Affects no row while another watcher holds the lease.
INSERT INTO watcher_lease (lease, holder, held_until)
VALUES ('watcher', :holder, now() + :seconds * interval '1 second')
ON CONFLICT (lease) DO UPDATE
SET holder = excluded.holder, held_until = excluded.held_until
WHERE watcher_lease.holder = excluded.holder OR watcher_lease.held_until <= now();

-- name: release_lease!
DELETE FROM watcher_lease WHERE holder = :holder;

-- name: insert_sample!
INSERT INTO alert_samples (counters) VALUES (:counters) ON CONFLICT DO NOTHING;

-- name: list_samples
-- One every half minute: few. The oldest is from before the period of ten minutes that is judged.
SELECT extract(epoch FROM now() - sampled_at)::double precision AS seconds_ago, counters
FROM alert_samples
WHERE sampled_at > now() - interval '12 minutes'
ORDER BY sampled_at DESC;

-- name: delete_old_samples!
DELETE FROM alert_samples WHERE sampled_at < now() - interval '1 hour';
