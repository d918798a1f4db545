-- Of the next $3 events behind the id $2 those older than $1 which readers may have seen. Ids rise with time,
-- so none but the primary key is needed, and what was deleted before is not looked at again.
-- name: prune_events
DELETE FROM events
WHERE created_at < $1 AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
    AND id IN (SELECT id FROM events WHERE id > $2 ORDER BY id LIMIT $3)
RETURNING id

-- name: prune_events sqlite
DELETE FROM events
WHERE created_at < $1 AND id IN (SELECT id FROM events WHERE id > $2 ORDER BY id LIMIT $3)
RETURNING id

-- The next $5 jobs of a state that were made before $4, and of these what has not changed since. Both have the
-- same parameters.
-- name: prunable_jobs
SELECT id, created_at
FROM jobs
WHERE status = $1 AND (created_at, id) > ($2, $3) AND created_at < $4
ORDER BY created_at, id
LIMIT $5

-- name: prune_jobs
DELETE FROM jobs
WHERE status = $1 AND updated_at < $4 AND id IN (
    SELECT id FROM jobs
    WHERE status = $1 AND (created_at, id) > ($2, $3) AND created_at < $4
    ORDER BY created_at, id
    LIMIT $5)
RETURNING id
