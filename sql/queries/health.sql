-- name: ping
SELECT true AS ok

-- name: database_state
SELECT EXISTS (SELECT 1 FROM schema_migrations WHERE name COLLATE "C" >= $1) AS has_schema,
       NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS takes_writes
-- name: database_state sqlite
SELECT EXISTS (SELECT 1 FROM schema_migrations WHERE name >= $1) AS has_schema,
       can_write() AS takes_writes
