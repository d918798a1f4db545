CREATE TRIGGER events_removed AFTER DELETE ON events BEGIN
    INSERT INTO events_pruned (id, created_at) VALUES (OLD.id, OLD.created_at)
    ON CONFLICT (only_row) DO UPDATE SET id = excluded.id, created_at = excluded.created_at
    WHERE excluded.id > events_pruned.id;
END;
