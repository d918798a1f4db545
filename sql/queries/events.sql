-- fragment: event_columns
audience, created_at, data::text AS data, transaction_id::text || '-' || id AS id, subject, type

-- fragment: event_columns sqlite
audience, created_at, data, '0-' || id AS id, subject, type

-- An event's id is its position in commit order: the number of its transaction, and its own number within that. A
-- transaction that is still running may add events before those of later transactions, so readers stop before the
-- oldest one that is running.
-- name: insert_note appends
INSERT INTO events (type, audience, subject, data)
VALUES (:type, 'public', :subject, CAST(:data AS json))
RETURNING true AS ok, transaction_id::text || '-' || id AS id

-- name: insert_note sqlite
INSERT INTO events (type, audience, subject, data)
VALUES (:type, 'public', :subject, :data)
RETURNING true AS ok, '0-' || id AS id

-- Begins a new history of the feed: cursors of before are refused.
-- name: begin_history
INSERT INTO feed_epoch DEFAULT VALUES

-- The position up to which everything can be read.
-- name: feed_end
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 AS transaction, 9223372036854775807 AS id

-- name: feed_end sqlite
SELECT 0 AS "transaction", coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS id

-- The last removed event (0 without a row), the position up to which everything can be read, one that no event has
-- reached yet, and the history of the feed, whose digest is the epoch in cursors. A copy of PostgreSQL's files has the
-- same rows with the same table and transaction, and gets another timeline when it is promoted; a restored dump has
-- another table and transaction. (The system identifier would say the same about a dump, but PostgreSQL reads it from
-- a file at each call.)
-- name: event_bounds
SELECT coalesce(transaction_id::text::bigint, 0) AS begin_transaction, coalesce(id, 0) AS begin_id,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 AS end_transaction,
    9223372036854775807 AS end_id,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS future_transaction, CAST(0 AS bigint) AS future_id,
    concat_ws(' ', feed.rows, feed_timeline()) AS history, feed.first_history
FROM (SELECT string_agg(concat_ws(' ', value, tableoid, xmin), ' ' ORDER BY value) AS rows,
        max(first_history) AS first_history
      FROM feed_epoch) AS feed
    LEFT JOIN events_pruned ON true

-- name: event_bounds sqlite
SELECT 0 AS begin_transaction, coalesce(id, 0) AS begin_id, 0 AS end_transaction,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS end_id,
    0 AS future_transaction,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) + 1 AS future_id,
    coalesce(feed.history, '') AS history, feed.first_history
FROM (SELECT group_concat(value, ' ') AS history, max(first_history) AS first_history
      FROM (SELECT value, first_history FROM feed_epoch ORDER BY value)) AS feed
    LEFT JOIN events_pruned ON true

-- Lists the events of all audiences.
-- name: list_events
SELECT {event_columns}
FROM events
WHERE (transaction_id, id) > (:after_transaction::text::xid8, :after_id)
    AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY transaction_id, events.id
LIMIT :limit

-- name: list_events sqlite
SELECT {event_columns}
FROM events
WHERE id > :after_id
ORDER BY events.id
LIMIT :limit

-- The oldest events of one audience after a cursor; none if it is null. Both bounds begin with the audience, and so does
-- the order, because only the index by audience serves that. With `audience = :user` the planner might read the events
-- of all audiences in their order and filter them. The bounds include their ends, which the other conditions then
-- exclude: the planner estimates a row comparison by its first column alone, and with exclusive bounds it would expect
-- no rows for the last audience.
-- fragment: from_events_of_everybody
FROM events
WHERE (audience, transaction_id, id) >= (:everybody, :after_transaction::text::xid8, :after_id)
    AND (transaction_id, id) <> (:after_transaction::text::xid8, :after_id)
    AND (audience, transaction_id) <= (:everybody, pg_snapshot_xmin(pg_current_snapshot()))
    AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY audience, transaction_id, id LIMIT :limit

-- fragment: from_events_of_everybody sqlite
FROM events INDEXED BY events_of_audience
WHERE audience = :everybody AND id > :after_id ORDER BY id LIMIT :limit

-- fragment: from_events_of_jobs
FROM events
WHERE (audience, transaction_id, id) >= (:jobs, :after_transaction::text::xid8, :after_id)
    AND (transaction_id, id) <> (:after_transaction::text::xid8, :after_id)
    AND (audience, transaction_id) <= (:jobs, pg_snapshot_xmin(pg_current_snapshot()))
    AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY audience, transaction_id, id LIMIT :limit

-- fragment: from_events_of_jobs sqlite
FROM events INDEXED BY events_of_audience
WHERE audience = :jobs AND id > :after_id ORDER BY id LIMIT :limit

-- fragment: from_events_of_user
FROM events
WHERE (audience, transaction_id, id) >= (:user, :after_transaction::text::xid8, :after_id)
    AND (transaction_id, id) <> (:after_transaction::text::xid8, :after_id)
    AND (audience, transaction_id) <= (:user, pg_snapshot_xmin(pg_current_snapshot()))
    AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY audience, transaction_id, id LIMIT :limit

-- fragment: from_events_of_user sqlite
FROM events INDEXED BY events_of_audience
WHERE audience = :user AND id > :after_id ORDER BY id LIMIT :limit

-- Lists the events of up to three audiences.
-- name: list_events_of
SELECT {event_columns}
FROM (
    (SELECT *
     {from_events_of_everybody})
    UNION ALL
    (SELECT *
     {from_events_of_jobs})
    UNION ALL
    (SELECT *
     {from_events_of_user})
) AS mine
ORDER BY mine.transaction_id, mine.id
LIMIT :limit

-- name: list_events_of sqlite
SELECT {event_columns}
FROM (
    SELECT * FROM (
        SELECT *
        {from_events_of_everybody})
    UNION ALL
    SELECT * FROM (
        SELECT *
        {from_events_of_jobs})
    UNION ALL
    SELECT * FROM (
        SELECT *
        {from_events_of_user})
) AS mine
ORDER BY mine.id
LIMIT :limit

-- The same without their data, which may be large, for a reader that filters them. Each branch names its columns: no
-- engine reliably leaves out those of a branch that the outer query does not use.
-- name: list_event_heads
SELECT transaction_id::text::bigint AS transaction, id, subject, type
FROM (
    (SELECT transaction_id, id, subject, type
     {from_events_of_everybody})
    UNION ALL
    (SELECT transaction_id, id, subject, type
     {from_events_of_jobs})
    UNION ALL
    (SELECT transaction_id, id, subject, type
     {from_events_of_user})
) AS mine
ORDER BY mine.transaction_id, mine.id
LIMIT :limit

-- name: list_event_heads sqlite
SELECT 0 AS "transaction", id, subject, type
FROM (
    SELECT * FROM (
        SELECT id, subject, type
        {from_events_of_everybody})
    UNION ALL
    SELECT * FROM (
        SELECT id, subject, type
        {from_events_of_jobs})
    UNION ALL
    SELECT * FROM (
        SELECT id, subject, type
        {from_events_of_user})
) AS mine
ORDER BY mine.id
LIMIT :limit

-- Lists the events that still exist of those with the ids in a JSON array.
-- name: list_events_with_ids
SELECT {event_columns}
FROM events
WHERE id = ANY (ARRAY(SELECT json_array_elements_text(:ids::json)::bigint))
ORDER BY transaction_id, events.id

-- name: list_events_with_ids sqlite
SELECT {event_columns}
FROM events
WHERE id IN (SELECT value FROM json_each(:ids))
ORDER BY events.id
