-- Each message as the service represents it, in canonical JSON (RFC 8785).
CREATE VIEW message_json (id, json) AS
SELECT id, json_object(
    'content', content,
    'conversation_id', conversation_id,
    'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
        || printf('.%06dZ', created_at % 1000000),
    'id', id,
    'role', role)
FROM messages;

CREATE TRIGGER message_created AFTER INSERT ON messages BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'message.created', 'user:' || NEW.user_id,
        '/conversations/' || NEW.conversation_id || '/messages/' || id, json
    FROM message_json WHERE id = NEW.id;
END;

CREATE TRIGGER message_updated AFTER UPDATE ON messages BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'message.updated', 'user:' || NEW.user_id,
        '/conversations/' || NEW.conversation_id || '/messages/' || id, json
    FROM message_json WHERE id = NEW.id;
END;

CREATE TRIGGER message_deleted BEFORE DELETE ON messages BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'message.deleted', 'user:' || OLD.user_id,
        '/conversations/' || OLD.conversation_id || '/messages/' || id, json
    FROM message_json WHERE id = OLD.id;
END;
