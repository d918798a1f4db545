-- What `steelthread doctor` asks PostgreSQL. SQLite has neither a limit on connections nor sequences of its own.
--
-- The number of connections that ordinary roles may have in total.
-- name: room_for_connections
SELECT current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
    - coalesce(current_setting('reserved_connections', true)::bigint, 0) AS room

-- name: room_for_connections sqlite
SELECT 0 AS room

-- Sequences that will produce ids which their tables already contain, for example after a copy of the rows alone.
-- name: sequences_behind
SELECT sequences.name AS "table"
FROM (
    SELECT 'conversations' AS name, max(id) AS highest FROM conversations
    UNION ALL SELECT 'events', max(id) FROM events
    UNION ALL SELECT 'messages', max(id) FROM messages
    UNION ALL SELECT 'tasks', max(id) FROM tasks
) AS highest_ids
JOIN (
    SELECT 'conversations' AS name, last_value, is_called FROM conversations_id_seq
    UNION ALL SELECT 'events', last_value, is_called FROM events_id_seq
    UNION ALL SELECT 'messages', last_value, is_called FROM messages_id_seq
    UNION ALL SELECT 'tasks', last_value, is_called FROM tasks_id_seq
) AS sequences ON sequences.name = highest_ids.name
WHERE highest_ids.highest >= sequences.last_value + CASE WHEN is_called THEN 1 ELSE 0 END
ORDER BY sequences.name

-- name: sequences_behind sqlite
SELECT '' AS "table" WHERE false

-- The rights that the role of the service, of `steelthread prune` and of `steelthread user` lacks. Tables that do not
-- exist are left out.
-- name: missing_grants
SELECT needed.name AS "table", rights.name AS "right", quote_ident(current_user) AS role
FROM (VALUES
    ('board_counts', 'SELECT,INSERT,UPDATE'),
    ('board_revisions', 'SELECT,UPDATE'),
    ('collab_tasks', 'SELECT,INSERT,UPDATE,DELETE'),
    ('conversations', 'SELECT,INSERT,UPDATE,DELETE'),
    ('events', 'SELECT,INSERT,DELETE'),
    ('events_pruned', 'SELECT'),
    ('feed_epoch', 'SELECT'),
    ('idempotency_keys', 'SELECT,INSERT'),
    ('jobs', 'SELECT,INSERT,UPDATE,DELETE'),
    ('login_networks', 'SELECT,INSERT,UPDATE,DELETE'),
    ('message_counts', 'SELECT,INSERT,UPDATE'),
    ('messages', 'SELECT,INSERT,DELETE'),
    ('request_keys', 'SELECT,INSERT,UPDATE,DELETE'),
    ('schema_migrations', 'SELECT'),
    ('task_counts', 'SELECT,INSERT,UPDATE'),
    ('tasks', 'SELECT,INSERT,UPDATE,DELETE'),
    ('users', 'SELECT,INSERT,UPDATE,DELETE')) AS needed (name, rights)
CROSS JOIN LATERAL unnest(string_to_array(needed.rights, ',')) AS rights (name)
WHERE NOT has_table_privilege(to_regclass(needed.name), rights.name)
ORDER BY needed.name, rights.name

-- name: missing_grants sqlite
SELECT '' AS "table", '' AS "right", '' AS role WHERE false

-- Transactions older than a number of seconds: those that have written, or are prepared, hold back the event feed;
-- others keep dead rows from being removed.
-- name: old_transactions
SELECT 'prepared transaction ' || quote_literal(gid) || ' of ' || owner || ' in ' || database AS holder,
    CAST(extract(epoch FROM now() - prepared) AS bigint) AS seconds,
    'ROLLBACK PREPARED ' || quote_literal(gid) AS remedy,
    true AS holds_events
FROM pg_prepared_xacts
WHERE prepared <= now() - make_interval(secs => CAST(:seconds AS bigint))
UNION ALL
SELECT 'transaction of ' || coalesce(usename, '?') || ' (pid ' || pid || ', ' || coalesce(nullif(application_name, ''), 'no name') || ')',
    CAST(extract(epoch FROM now() - xact_start) AS bigint),
    'SELECT pg_terminate_backend(' || pid || ')',
    backend_xid IS NOT NULL
FROM pg_stat_activity
WHERE xact_start <= now() - make_interval(secs => CAST(:seconds AS bigint)) AND pid <> pg_backend_pid()
    AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) AND backend_type = 'client backend'
ORDER BY seconds DESC
LIMIT 10

-- name: old_transactions sqlite
SELECT '' AS holder, 0 AS seconds, '' AS remedy, false AS holds_events WHERE :seconds < 0
