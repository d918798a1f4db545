-- The id of the last of the next :limit events. Ids rise with time, so the primary key is the only index needed,
-- and ids that were deleted earlier are not visited again.
-- name: prunable_events
SELECT max(id) AS id
FROM (SELECT id FROM events WHERE id > :after_id ORDER BY id LIMIT :limit) AS batch

-- Deletes those of them that are old enough and that readers can already see.
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

-- Jobs of a status behind a position that were created before a moment. The bounds are as in list_jobs_of_status.
-- fragment: old_jobs
(status, created_at, id) >= (:status, :after, :after_id) AND id <> :after_id
    AND (status, created_at) <= (:status, :created_before) AND created_at < :created_before

-- The next jobs of a status that were created before a moment. Bounds and order are as in list_jobs_of_status.
-- name: prunable_jobs
SELECT id, created_at
FROM jobs
WHERE {old_jobs}
ORDER BY status, created_at, id
LIMIT :limit

-- Takes the same parameters, and deletes those of them that have not changed since that moment. It finds them by
-- their ids alone, so that the planner has no other choice.
-- name: prune_jobs
DELETE FROM jobs
WHERE updated_at < :created_before AND id = ANY (ARRAY(
    SELECT id FROM jobs
    WHERE {old_jobs}
    ORDER BY status, created_at, id
    LIMIT :limit))
RETURNING id

-- name: prune_jobs sqlite
DELETE FROM jobs
WHERE updated_at < :created_before AND id IN (
    SELECT id FROM jobs
    WHERE {old_jobs}
    ORDER BY status, created_at, id
    LIMIT :limit)
RETURNING id

-- Deletes expired Idempotency-Keys of users, but none that a request is taking again. Rows are found by their places, so
-- that the planner has no other choice.
-- name: prune_request_keys
DELETE FROM request_keys
WHERE created_at <= {keys_expire_at} AND ctid = ANY (ARRAY(
    SELECT ctid FROM request_keys
    WHERE created_at <= {keys_expire_at}
    ORDER BY created_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED))
RETURNING key

-- name: prune_request_keys sqlite
DELETE FROM request_keys
WHERE rowid IN (
    SELECT rowid FROM request_keys
    WHERE created_at <= {keys_expire_at}
    ORDER BY created_at
    LIMIT :limit)
RETURNING key
