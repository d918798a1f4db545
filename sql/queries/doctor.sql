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
