-- name: list_messages_of_runs
SELECT schedule_runs.message_id
FROM unnest(:schedule_ids::uuid[], :run_ats::timestamptz[]) AS run (schedule_id, run_at)
JOIN schedule_runs ON schedule_runs.schedule_id = run.schedule_id AND schedule_runs.run_at = run.run_at
WHERE schedule_runs.message_id IS NOT NULL;

-- name: find_messages_to_shorten
-- Of these messages of schedules those of which links are to be shortened: as the schedule says, else as the church does. One
-- that was shortened before has its links already.
SELECT messages.message_id, messages.church_id, messages.channel, messages.content, messages.send_at, messages.merge_fields,
       churches.link_domain
FROM messages
JOIN schedules ON schedules.schedule_id = messages.schedule_id
JOIN churches ON churches.church_id = schedules.church_id
WHERE messages.message_id = ANY (:message_ids::uuid[])
  AND coalesce(schedules.shorten_links, churches.shortens_links)
  AND messages.expanded_at IS NULL AND strpos(messages.content, '://') > 0
  AND NOT EXISTS (SELECT FROM links WHERE links.message_id = messages.message_id);

-- name: set_content!
UPDATE messages
SET content = :content, segments = :segments, merge_fields = coalesce(:merge_fields::jsonb, merge_fields)
WHERE message_id = :message_id AND expanded_at IS NULL;
