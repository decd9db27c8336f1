-- name: get_keyword_replies
SELECT name AS church_name, keyword_replies AS mode, opt_out_reply, opt_in_reply, help_reply
FROM churches
WHERE church_id = :church_id;

-- name: set_keyword_replies!
UPDATE churches
SET keyword_replies = :mode, opt_out_reply = :opt_out_reply, opt_in_reply = :opt_in_reply, help_reply = :help_reply
WHERE church_id = :church_id;
