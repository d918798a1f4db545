-- works with 2.0.0
-- Makes dumps restorable: `pg_dump` restores with an empty search_path, and may find rows that `migrate up` has
-- just created.

-- events_pruned has at most one row: the greatest if there were several, and none in a new database, so that a
-- restored row does not conflict. (A database with events keeps its row, because processes of an older release may
-- still read it.)
DELETE FROM events_pruned
WHERE ctid <> (SELECT ctid FROM events_pruned ORDER BY transaction_id DESC, id DESC LIMIT 1)
    OR (id = 0 AND NOT EXISTS (SELECT 1 FROM events));
ALTER TABLE events_pruned ADD COLUMN only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row);

CREATE OR REPLACE FUNCTION events_removed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events_pruned (transaction_id, id)
    SELECT removed.transaction_id, removed.id FROM removed
    ORDER BY removed.transaction_id DESC, removed.id DESC LIMIT 1
    ON CONFLICT (only_row) DO UPDATE SET (transaction_id, id) = (excluded.transaction_id, excluded.id)
    WHERE (excluded.transaction_id, excluded.id) > (events_pruned.transaction_id, events_pruned.id);
    RETURN NULL;
END
$$;

-- Restored counters become further rows beside the existing ones, so that the board gets a revision that it never
-- had.
ALTER TABLE board_revisions DROP CONSTRAINT board_revisions_pkey;

-- The trigger functions name their tables, types and functions with the schema, so that they find them whatever the
-- session's search_path is. (A `SET search_path` on each function would do the same, but would make every write
-- cost half as much again.) SQL functions were parsed when they were created and need no change.
DO $$
DECLARE
    trigger_function record;
BEGIN
    FOR trigger_function IN
        SELECT pg_proc.oid, quote_ident(nspname) AS schema
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE pg_proc.oid IN (
            'collab_task_changed()'::regprocedure, 'collab_tasks_truncated()'::regprocedure,
            'task_changed()'::regprocedure, 'message_changed()'::regprocedure,
            'job_changed()'::regprocedure, 'events_removed()'::regprocedure)
    LOOP
        EXECUTE regexp_replace(
            pg_get_functiondef(trigger_function.oid),
            '\m(board_revisions|collab_tasks|collab_task_json|events|events_pruned|job_json|message_json|messages'
            '|task_json|tasks)\M(?=[ (])',
            trigger_function.schema || '.\1', 'g');
    END LOOP;
END
$$;

-- down
WITH restored AS (DELETE FROM board_revisions RETURNING slot, revision)
INSERT INTO board_revisions (slot, revision) SELECT slot, sum(revision) FROM restored GROUP BY slot;
ALTER TABLE board_revisions ADD PRIMARY KEY (slot);

ALTER TABLE events_pruned DROP COLUMN only_row;
INSERT INTO events_pruned (transaction_id, id) SELECT '0', 0 WHERE NOT EXISTS (SELECT 1 FROM events_pruned);
