ALTER TABLE events_pruned RENAME TO events_pruned_after;
CREATE TABLE events_pruned (
    id INTEGER NOT NULL
) STRICT;
INSERT INTO events_pruned (id) SELECT coalesce((SELECT id FROM events_pruned_after), 0);
DROP TABLE events_pruned_after;
