-- The last of the next $2 events behind the id $1. Ids rise with time, so none but the primary key is needed, and what
-- was deleted before is not looked at again.
-- name: prunable_events
SELECT max(id) AS id
FROM (SELECT id FROM events WHERE id > $1 ORDER BY id LIMIT $2) AS batch

-- Of these the ones older than $3 that readers may have seen.
-- name: prune_events
DELETE FROM events
WHERE id > $1 AND id <= (SELECT max(id) FROM (SELECT id FROM events WHERE id > $1 ORDER BY id LIMIT $2) AS batch)
    AND created_at < $3 AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
RETURNING id

-- name: prune_events sqlite
DELETE FROM events
WHERE id > $1 AND id <= (SELECT max(id) FROM (SELECT id FROM events WHERE id > $1 ORDER BY id LIMIT $2) AS batch)
    AND created_at < $3
RETURNING id

-- The next $5 jobs of a state that were made before $4: bounds and order as in list_jobs_of_status.
-- name: prunable_jobs
SELECT id, created_at
FROM jobs
WHERE (status, created_at, id) >= ($1, $2, $3) AND id <> $3 AND (status, created_at) <= ($1, $4) AND created_at < $4
ORDER BY status, created_at, id
LIMIT $5

-- With the same parameters: of these the ones that have not changed since. They are found by their ids, and by nothing
-- else that the planner could choose.
-- name: prune_jobs
DELETE FROM jobs
WHERE updated_at < $4 AND id = ANY (ARRAY(
    SELECT id FROM jobs
    WHERE (status, created_at, id) >= ($1, $2, $3) AND id <> $3 AND (status, created_at) <= ($1, $4) AND created_at < $4
    ORDER BY status, created_at, id
    LIMIT $5))
RETURNING id

-- name: prune_jobs sqlite
DELETE FROM jobs
WHERE updated_at < $4 AND id IN (
    SELECT id FROM jobs
    WHERE (status, created_at, id) >= ($1, $2, $3) AND id <> $3 AND (status, created_at) <= ($1, $4) AND created_at < $4
    ORDER BY status, created_at, id
    LIMIT $5)
RETURNING id
