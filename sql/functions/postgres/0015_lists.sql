-- What the user's newest event says about all of the user's lists (sql/fragments.sql): the revision, and whether every
-- older transaction has ended. If there is no event behind the mark of the last removed one, the mark counts. The inner
-- array keeps the planner from reading the events of all audiences in their order; the lower bound keeps the scan from
-- removed events that were not vacuumed.
--
-- A server process plans the body of a PL/pgSQL function once. Behind a pooler, a statement with this text would be
-- planned each time, which costs more than a page. STABLE, so that it sees the snapshot of the list.
CREATE OR REPLACE FUNCTION list_revision(listed_user text) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT ARRAY[hashtextextended(concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()),
                ARRAY(SELECT concat_ws(' ', value, tableoid, xmin) FROM :schema.feed_epoch)::text), 0)
            || '.' || coalesce(newest.transaction_id, mark.transaction_id, '0')
            || '-' || coalesce(newest.id, mark.id, 0),
        CAST(coalesce(newest.transaction_id, mark.transaction_id, '0')
            < pg_snapshot_xmin(pg_current_snapshot()) AS text)]
    FROM (SELECT 1) AS one
        LEFT JOIN :schema.events_pruned AS mark ON true
        LEFT JOIN LATERAL (
            SELECT transaction_id, id FROM :schema.events
            WHERE audience = ANY (ARRAY['user:' || listed_user])
                AND (transaction_id, id) > (coalesce(mark.transaction_id, '0'), coalesce(mark.id, 0))
            ORDER BY audience DESC, transaction_id DESC, id DESC LIMIT 1) AS newest ON true);
END
$$;
