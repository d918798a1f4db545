-- fragment: job_columns
id, title, payload, status, attempts, max_attempts, run_at, result, error, version,
    created_at, updated_at

-- fragment: changed
version = version + 1,
    updated_at = greatest(now(), updated_at)

-- Ends the lease of a job.
-- fragment: freed
worker = NULL,
    lease_id = NULL,
    lease_expires_at = NULL,
    {changed}

-- A worker can change its job only while it holds the lease.
-- fragment: holds_lease
id = :id AND lease_id = :lease_id AND status = 'running' AND lease_expires_at > now()

-- name: insert_job appends
INSERT INTO jobs (id, title, payload, max_attempts, run_at, created_at, updated_at)
VALUES (:id, :title, :payload, :max_attempts, coalesce(:run_at, now()), now(), now())
RETURNING {job_columns}

-- With an Idempotency-Key, a request takes the key first, and creates the job only if it got the key. Another
-- request with the same key waits here until the first one has committed.
-- name: take_idempotency_key
INSERT INTO idempotency_keys (api_key, key, request_digest, job_id, run_at, created_at)
VALUES (:api_key, :key, :request_digest, :job_id, coalesce(:run_at, now()), now())
ON CONFLICT (api_key, key) DO NOTHING

-- name: insert_job_of_key
INSERT INTO jobs (id, title, payload, max_attempts, run_at, created_at, updated_at)
SELECT job_id, :title, :payload, :max_attempts, run_at, created_at, created_at
FROM idempotency_keys
WHERE api_key = :api_key AND key = :key AND job_id = :job_id

-- The job of a key as it was when it was created.
-- name: find_job_of_key
SELECT jobs.id, jobs.title, jobs.payload, 'pending' AS status, CAST(0 AS bigint) AS attempts,
    jobs.max_attempts, keys.run_at, 'null' AS result, CAST(NULL AS text) AS error,
    CAST(1 AS bigint) AS version, jobs.created_at, jobs.created_at AS updated_at, keys.request_digest
FROM idempotency_keys AS keys JOIN jobs ON jobs.id = keys.job_id
WHERE keys.api_key = :api_key AND keys.key = :key

-- name: find_job
SELECT {job_columns}
FROM jobs
WHERE id = :id

-- name: job_exists
SELECT count(*) > 0 AS "exists"
FROM jobs
WHERE id = :id

-- The lists, newest job first.
-- name: list_jobs
SELECT {job_columns}
FROM jobs
WHERE (created_at, id) < (:before, :before_id)
ORDER BY created_at DESC, id DESC
LIMIT :limit

-- Bounds and order begin with the status, for the same reason as in list_events_of.
-- name: list_jobs_of_status
SELECT {job_columns}
FROM jobs
WHERE (status, created_at, id) <= (:status, :before, :before_id) AND id <> :before_id AND status >= :status
ORDER BY status DESC, created_at DESC, id DESC
LIMIT :limit

-- A lease is three statements, which commit together. The first one fails jobs whose last lease has expired, at
-- most 100 of them. Without INDEXED BY, SQLite would use the index by status, and sort. PostgreSQL gets an array,
-- because it would read all jobs to join them with many ids.
-- name: fail_expired_jobs
WITH expired AS (
    SELECT id FROM jobs
    WHERE status = 'running' AND lease_expires_at <= now() AND attempts >= max_attempts
    ORDER BY lease_expires_at
    LIMIT 100
    FOR UPDATE SKIP LOCKED)
UPDATE jobs
SET status = 'failed',
    error = 'lease expired',
    {freed}
WHERE id = ANY (ARRAY(SELECT id FROM expired))

-- name: fail_expired_jobs sqlite
UPDATE jobs
SET status = 'failed',
    error = 'lease expired',
    {freed}
WHERE id IN (
    SELECT id FROM jobs INDEXED BY jobs_exhausted
    WHERE status = 'running' AND lease_expires_at <= now() AND attempts >= max_attempts
    ORDER BY lease_expires_at
    LIMIT 100)

-- The second one makes other jobs due whose lease has expired, no more than are requested.
-- name: release_expired_jobs
WITH expired AS (
    SELECT id FROM jobs
    WHERE status = 'running' AND lease_expires_at <= now() AND attempts < max_attempts
    ORDER BY lease_expires_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED)
UPDATE jobs
SET status = 'pending',
    {freed}
WHERE id = ANY (ARRAY(SELECT id FROM expired))

-- name: release_expired_jobs sqlite
UPDATE jobs
SET status = 'pending',
    {freed}
WHERE id IN (
    SELECT id FROM jobs INDEXED BY jobs_repeatable
    WHERE status = 'running' AND lease_expires_at <= now() AND attempts < max_attempts
    ORDER BY lease_expires_at
    LIMIT :limit)

-- The third one returns its rows in any order. Once the statements before it have written, this transaction's
-- position in the feed is fixed. A job that a later transaction has changed meanwhile is therefore left to the next
-- lease: otherwise job.leased could come before job.created. (The xmin of such a row has a small negative age; a
-- large negative age belongs to a row that is two billion transactions old.)
-- name: lease_jobs
WITH due AS (
    SELECT id FROM jobs
    WHERE status = 'pending' AND run_at <= now() AND age(xmin) NOT BETWEEN -1000000 AND -1
    ORDER BY run_at, created_at, id
    LIMIT :limit
    FOR UPDATE SKIP LOCKED)
UPDATE jobs
SET status = 'running',
    attempts = attempts + 1,
    worker = :worker,
    lease_id = :lease_id,
    lease_expires_at = now() + make_interval(0, 0, 0, 0, 0, 0, :lease_seconds),
    {changed}
WHERE id = ANY (ARRAY(SELECT id FROM due))
RETURNING {job_columns}, lease_id, lease_expires_at

-- name: lease_jobs sqlite
UPDATE jobs
SET status = 'running',
    attempts = attempts + 1,
    worker = :worker,
    lease_id = :lease_id,
    lease_expires_at = now() + make_interval(0, 0, 0, 0, 0, 0, :lease_seconds),
    {changed}
WHERE id IN (
    SELECT id FROM jobs INDEXED BY jobs_due
    WHERE status = 'pending' AND run_at <= now()
    ORDER BY run_at, created_at, id
    LIMIT :limit)
RETURNING {job_columns}, lease_id, lease_expires_at

-- name: extend_lease
UPDATE jobs
SET lease_expires_at = now() + make_interval(0, 0, 0, 0, 0, 0, :lease_seconds),
    {changed}
WHERE {holds_lease}
RETURNING {job_columns}, lease_id, lease_expires_at

-- name: complete_job
UPDATE jobs
SET status = 'completed',
    result = :result,
    error = NULL,
    {freed}
WHERE {holds_lease}
RETURNING {job_columns}

-- Makes the job due again after 1, 2, 4 … seconds, at most an hour, if :retry is true and attempts are left.
-- name: fail_job
UPDATE jobs
SET status = CASE WHEN :retry AND attempts < max_attempts THEN 'pending' ELSE 'failed' END,
    run_at = CASE WHEN :retry AND attempts < max_attempts
        THEN now() + make_interval(0, 0, 0, 0, 0, 0, least(power(2, attempts - 1), 3600)) ELSE run_at END,
    error = :error,
    {freed}
WHERE {holds_lease}
RETURNING {job_columns}

-- name: cancel_job
UPDATE jobs
SET status = 'cancelled',
    {freed}
WHERE id = :id AND status IN ('pending', 'running')

-- name: find_cancelled_job
SELECT {job_columns}
FROM jobs
WHERE id = :id AND status = 'cancelled'
