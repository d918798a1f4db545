-- Keeps the counts of tasks, messages and tasks of the board.
CREATE TRIGGER tasks_added AFTER INSERT ON tasks BEGIN
    INSERT INTO task_counts (user_id, slot, total) VALUES (NEW.user_id, 0, 1)
    ON CONFLICT (user_id, slot) DO UPDATE SET total = total + 1;
END;

CREATE TRIGGER tasks_removed AFTER DELETE ON tasks BEGIN
    UPDATE task_counts SET total = total - 1 WHERE user_id = OLD.user_id;
END;

CREATE TRIGGER messages_added AFTER INSERT ON messages BEGIN
    INSERT INTO message_counts (conversation_id, total) VALUES (NEW.conversation_id, 1)
    ON CONFLICT (conversation_id) DO UPDATE SET total = total + 1;
END;

CREATE TRIGGER messages_removed AFTER DELETE ON messages BEGIN
    UPDATE message_counts SET total = total - 1 WHERE conversation_id = OLD.conversation_id;
END;

CREATE TRIGGER collab_tasks_added AFTER INSERT ON collab_tasks BEGIN
    INSERT INTO board_counts (slot, total) VALUES (0, 1) ON CONFLICT (slot) DO UPDATE SET total = total + 1;
END;

CREATE TRIGGER collab_tasks_removed AFTER DELETE ON collab_tasks BEGIN
    UPDATE board_counts SET total = total - 1;
END;
