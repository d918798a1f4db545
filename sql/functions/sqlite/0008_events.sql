CREATE TRIGGER events_removed AFTER DELETE ON events BEGIN
    INSERT INTO events_pruned (id) VALUES (OLD.id)
    ON CONFLICT (only_row) DO UPDATE SET id = excluded.id WHERE excluded.id > events_pruned.id;
END;
