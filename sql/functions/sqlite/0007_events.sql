CREATE TRIGGER events_removed AFTER DELETE ON events BEGIN
    UPDATE events_pruned SET id = OLD.id WHERE id < OLD.id;
END;
