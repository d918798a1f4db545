-- What the metrics say about the database, in microseconds and numbers of jobs. A job is due when a worker could lease
-- it. Events wait for a transaction that is older than their own and still running.
-- name: database_gauges
SELECT (SELECT count(*) FROM jobs WHERE status = 'pending') AS pending,
    (SELECT count(*) FROM jobs WHERE status = 'running') AS running,
    (SELECT count(*) FROM jobs WHERE status = 'failed') AS failed,
    coalesce((SELECT CAST(extract(epoch FROM now() - min(run_at)) * 1000000 AS bigint)
              FROM jobs WHERE status = 'pending' AND run_at <= now()), 0) AS oldest_due_us,
    coalesce((SELECT CAST(extract(epoch FROM now() - created_at) * 1000000 AS bigint)
              FROM events WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
              ORDER BY transaction_id, id LIMIT 1), 0) AS feed_lag_us,
    coalesce((SELECT CAST(extract(epoch FROM max(now() - began)) * 1000000 AS bigint)
              FROM (SELECT xact_start AS began FROM pg_stat_activity
                    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
                    UNION ALL SELECT prepared FROM pg_prepared_xacts) AS transactions), 0) AS oldest_transaction_us

-- name: database_gauges sqlite
SELECT (SELECT count(*) FROM jobs WHERE status = 'pending') AS pending,
    (SELECT count(*) FROM jobs WHERE status = 'running') AS running,
    (SELECT count(*) FROM jobs WHERE status = 'failed') AS failed,
    coalesce((SELECT now() - min(run_at) FROM jobs WHERE status = 'pending' AND run_at <= now()), 0) AS oldest_due_us,
    0 AS feed_lag_us,
    0 AS oldest_transaction_us
