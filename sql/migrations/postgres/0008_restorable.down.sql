WITH restored AS (DELETE FROM board_revisions RETURNING slot, revision)
INSERT INTO board_revisions (slot, revision) SELECT slot, sum(revision) FROM restored GROUP BY slot;
ALTER TABLE board_revisions ADD PRIMARY KEY (slot);

ALTER TABLE events_pruned DROP COLUMN only_row;
INSERT INTO events_pruned (transaction_id, id) SELECT '0', 0 WHERE NOT EXISTS (SELECT 1 FROM events_pruned);
