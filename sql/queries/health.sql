-- name: ping
SELECT true AS ok

-- A migration newer than $1 brings functions of its own; $2 holds the digests of this release's.
-- name: database_state
SELECT EXISTS (
           SELECT 1 FROM schema_migrations
           WHERE name COLLATE "C" > $1 OR (name = $1 AND strpos($2, functions_digest) > 0)) AS has_schema,
       NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS takes_writes

-- name: database_state sqlite
SELECT EXISTS (
           SELECT 1 FROM schema_migrations
           WHERE name > $1 OR (name = $1 AND strpos($2, functions_digest) > 0)) AS has_schema,
       can_write() AS takes_writes
