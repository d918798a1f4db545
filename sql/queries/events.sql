-- An event's id names its place in the order of commits: the transaction's number, and the event's own
-- within it. What a transaction wrote that is still running comes later, so everything after the oldest
-- of these waits for it.
-- name: insert_note
INSERT INTO events (type, audience, subject, data)
VALUES ($1, 'public', $2, CAST($3 AS json))
RETURNING true AS ok, transaction_id::text || '-' || id AS id

-- name: insert_note sqlite
INSERT INTO events (type, audience, subject, data)
VALUES ($1, 'public', $2, $3)
RETURNING true AS ok, '0-' || id AS id

-- What has been removed (nothing without a row), up to where everything can be read, and what no event has reached yet.
-- name: event_bounds
SELECT coalesce(transaction_id::text::bigint, 0) AS begin_transaction, coalesce(id, 0) AS begin_id,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 AS end_transaction,
    9223372036854775807 AS end_id,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS future_transaction, CAST(0 AS bigint) AS future_id
FROM (SELECT true) AS always LEFT JOIN events_pruned ON true

-- name: event_bounds sqlite
SELECT 0 AS begin_transaction, coalesce(id, 0) AS begin_id, 0 AS end_transaction,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS end_id,
    0 AS future_transaction,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) + 1 AS future_id
FROM (SELECT true) AS always LEFT JOIN events_pruned ON true

-- Of all audiences.
-- name: list_events
SELECT audience, created_at, data::text AS data, transaction_id::text || '-' || id AS id, subject, type
FROM events
WHERE (transaction_id, id) > ($1::text::xid8, $2)
    AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY transaction_id, events.id
LIMIT $3

-- name: list_events sqlite
SELECT audience, created_at, data, '0-' || id AS id, subject, type
FROM events
WHERE id > $2
ORDER BY events.id
LIMIT $3

-- Of three audiences, of which some may be null. Both bounds of each begin with the audience, and so does the
-- order: only the index by audience serves that. With `audience = $1` the planner may read everybody's events in
-- their order, and filter. The bounds include their ends, which the other conditions take away: of a row it estimates
-- the first column alone, and behind the last audience it would expect nothing.
-- name: list_events_of
SELECT audience, created_at, data::text AS data, transaction_id::text || '-' || id AS id, subject, type
FROM (
    (SELECT * FROM events
     WHERE (audience, transaction_id, id) >= ($1, $4::text::xid8, $5)
         AND (transaction_id, id) <> ($4::text::xid8, $5)
         AND (audience, transaction_id) <= ($1, pg_snapshot_xmin(pg_current_snapshot()))
         AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY audience, transaction_id, id LIMIT $6)
    UNION ALL
    (SELECT * FROM events
     WHERE (audience, transaction_id, id) >= ($2, $4::text::xid8, $5)
         AND (transaction_id, id) <> ($4::text::xid8, $5)
         AND (audience, transaction_id) <= ($2, pg_snapshot_xmin(pg_current_snapshot()))
         AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY audience, transaction_id, id LIMIT $6)
    UNION ALL
    (SELECT * FROM events
     WHERE (audience, transaction_id, id) >= ($3, $4::text::xid8, $5)
         AND (transaction_id, id) <> ($4::text::xid8, $5)
         AND (audience, transaction_id) <= ($3, pg_snapshot_xmin(pg_current_snapshot()))
         AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY audience, transaction_id, id LIMIT $6)
) AS mine
ORDER BY mine.transaction_id, mine.id
LIMIT $6

-- name: list_events_of sqlite
SELECT audience, created_at, data, '0-' || id AS id, subject, type
FROM (
    SELECT * FROM (
        SELECT * FROM events INDEXED BY events_of_audience
        WHERE audience = $1 AND id > $5 ORDER BY id LIMIT $6)
    UNION ALL
    SELECT * FROM (
        SELECT * FROM events INDEXED BY events_of_audience
        WHERE audience = $2 AND id > $5 ORDER BY id LIMIT $6)
    UNION ALL
    SELECT * FROM (
        SELECT * FROM events INDEXED BY events_of_audience
        WHERE audience = $3 AND id > $5 ORDER BY id LIMIT $6)
) AS mine
ORDER BY mine.id
LIMIT $6
