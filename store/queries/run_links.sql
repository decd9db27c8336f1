-- name: find_runs_to_shorten
-- The messages of these runs of which links are to be shortened: as the schedule says, else as the church does. A run that was
-- recorded before has its links already.
SELECT messages.message_id, messages.church_id, messages.channel, messages.content, messages.send_at, churches.link_domain
FROM unnest(:schedule_ids::uuid[], :run_ats::timestamptz[]) AS run (schedule_id, run_at)
JOIN schedule_runs ON schedule_runs.schedule_id = run.schedule_id AND schedule_runs.run_at = run.run_at
JOIN schedules ON schedules.schedule_id = run.schedule_id
JOIN churches ON churches.church_id = schedules.church_id
JOIN messages ON messages.message_id = schedule_runs.message_id
WHERE coalesce(schedules.shorten_links, churches.shortens_links)
  AND messages.expanded_at IS NULL AND strpos(messages.content, '://') > 0
  AND NOT EXISTS (SELECT FROM links WHERE links.message_id = messages.message_id);

-- name: set_content!
UPDATE messages SET content = :content, segments = :segments WHERE message_id = :message_id AND expanded_at IS NULL;
