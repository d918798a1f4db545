-- works with 2.0.0
-- What tells one history of the feed from another (event_bounds in sql/queries): a random value, and the table and
-- transaction of its row. Each further row begins a new history, and so does a restore, which writes the row anew. The
-- row of this migration also holds the history that it begins, the only one that has cursors without an epoch: those
-- of earlier releases.
CREATE TABLE feed_epoch (
    value text NOT NULL DEFAULT gen_random_uuid()::text,
    first_history text
);
INSERT INTO feed_epoch DEFAULT VALUES;

DO $$
DECLARE
    timeline text := '';
BEGIN
    BEGIN
        timeline := left(pg_walfile_name(pg_current_wal_lsn()), 8);
    EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN
        NULL;
    END;
    UPDATE feed_epoch SET first_history =
        concat_ws(' ', value, tableoid, pg_current_xact_id()::xid, timeline);
END
$$;

-- down
DROP TABLE feed_epoch;
