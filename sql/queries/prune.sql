-- The last of the next events, up to the limit. Ids rise with time, so none but the primary key is needed, and what
-- was deleted before is not looked at again.
-- name: prunable_events
SELECT max(id) AS id
FROM (SELECT id FROM events WHERE id > :after_id ORDER BY id LIMIT :limit) AS batch

-- Of these the older ones that readers may have seen.
-- name: prune_events
DELETE FROM events
WHERE id > :after_id AND id <= (SELECT max(id) FROM (SELECT id FROM events WHERE id > :after_id ORDER BY id LIMIT :limit) AS batch)
    AND created_at < :created_before AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
RETURNING id

-- name: prune_events sqlite
DELETE FROM events
WHERE id > :after_id AND id <= (SELECT max(id) FROM (SELECT id FROM events WHERE id > :after_id ORDER BY id LIMIT :limit) AS batch)
    AND created_at < :created_before
RETURNING id

-- The next jobs of a state that were made before a moment: bounds and order as in list_jobs_of_status.
-- name: prunable_jobs
SELECT id, created_at
FROM jobs
WHERE (status, created_at, id) >= (:status, :after, :after_id) AND id <> :after_id AND (status, created_at) <= (:status, :created_before) AND created_at < :created_before
ORDER BY status, created_at, id
LIMIT :limit

-- With the same parameters: of these the ones that have not changed since. They are found by their ids, and by nothing
-- else that the planner could choose.
-- name: prune_jobs
DELETE FROM jobs
WHERE updated_at < :created_before AND id = ANY (ARRAY(
    SELECT id FROM jobs
    WHERE (status, created_at, id) >= (:status, :after, :after_id) AND id <> :after_id AND (status, created_at) <= (:status, :created_before) AND created_at < :created_before
    ORDER BY status, created_at, id
    LIMIT :limit))
RETURNING id

-- name: prune_jobs sqlite
DELETE FROM jobs
WHERE updated_at < :created_before AND id IN (
    SELECT id FROM jobs
    WHERE (status, created_at, id) >= (:status, :after, :after_id) AND id <> :after_id AND (status, created_at) <= (:status, :created_before) AND created_at < :created_before
    ORDER BY status, created_at, id
    LIMIT :limit)
RETURNING id
