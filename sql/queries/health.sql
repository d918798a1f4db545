-- name: ping
SELECT true AS ok

-- A write that changes nothing.
-- name: write_nothing
UPDATE tasks SET completed = completed WHERE false

-- A migration newer than this release's newest brings its own functions. :digests contains those of this release's
-- functions.
-- name: database_state
SELECT EXISTS (
           SELECT 1 FROM schema_migrations
           WHERE name COLLATE "C" > :newest_migration OR (name = :newest_migration AND strpos(:digests, functions_digest) > 0)) AS has_schema,
       NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS takes_writes

-- name: database_state sqlite
SELECT EXISTS (
           SELECT 1 FROM schema_migrations
           WHERE name > :newest_migration OR (name = :newest_migration AND strpos(:digests, functions_digest) > 0)) AS has_schema,
       can_write() AS takes_writes
