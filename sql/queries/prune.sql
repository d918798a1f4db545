-- Of the next $3 events behind the id $2 those older than $1. Ids rise with time, so none but the primary
-- key is needed, and what was deleted before is not looked at again.
-- name: prune_events
DELETE FROM events
WHERE created_at < $1 AND id IN (SELECT id FROM events WHERE id > $2 ORDER BY id LIMIT $3)
RETURNING id
