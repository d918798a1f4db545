WITH restored AS (DELETE FROM board_revisions RETURNING slot, revision)
INSERT INTO board_revisions (slot, revision) SELECT slot, sum(revision) FROM restored GROUP BY slot;
ALTER TABLE board_revisions ADD PRIMARY KEY (slot);

ALTER TABLE events_pruned DROP COLUMN only_row;
INSERT INTO events_pruned (transaction_id, id) SELECT '0', 0 WHERE NOT EXISTS (SELECT 1 FROM events_pruned);

CREATE OR REPLACE FUNCTION events_removed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE events_pruned SET (transaction_id, id) = (newest.transaction_id, newest.id)
    FROM (SELECT removed.transaction_id, removed.id FROM removed
          ORDER BY removed.transaction_id DESC, removed.id DESC LIMIT 1) AS newest
    WHERE (newest.transaction_id, newest.id) > (events_pruned.transaction_id, events_pruned.id);
    RETURN NULL;
END
$$;

DO $$
DECLARE
    trigger_function record;
BEGIN
    FOR trigger_function IN
        SELECT pg_proc.oid, quote_ident(nspname) AS schema
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE pg_proc.oid IN (
            'collab_task_changed()'::regprocedure, 'collab_tasks_truncated()'::regprocedure,
            'task_changed()'::regprocedure, 'message_changed()'::regprocedure, 'job_changed()'::regprocedure)
    LOOP
        EXECUTE regexp_replace(
            pg_get_functiondef(trigger_function.oid),
            regexp_replace(trigger_function.schema, '([^[:alnum:]_])', '\\\1', 'g')
            || '\.(board_revisions|collab_tasks|collab_task_json|events|events_pruned|job_json|message_json|messages'
            || '|task_json|tasks)\M(?=[ (])',
            '\1', 'g');
    END LOOP;
END
$$;
