-- Each conversation as the service represents it, in canonical JSON (RFC 8785).
CREATE VIEW conversation_json (id, json) AS
SELECT id, json_object(
    'created_at', strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
        || printf('.%06dZ', created_at % 1000000),
    'id', id,
    'title', title,
    'updated_at', strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch')
        || printf('.%06dZ', updated_at % 1000000),
    'user_id', user_id)
FROM conversations;

CREATE TRIGGER conversation_created AFTER INSERT ON conversations BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'conversation.created', 'user:' || NEW.user_id, '/conversations/' || id, json
    FROM conversation_json WHERE id = NEW.id;
END;

CREATE TRIGGER conversation_updated AFTER UPDATE ON conversations
WHEN (NEW.id, NEW.user_id, NEW.title, NEW.created_at, NEW.updated_at)
    IS NOT (OLD.id, OLD.user_id, OLD.title, OLD.created_at, OLD.updated_at)
BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'conversation.updated', 'user:' || NEW.user_id, '/conversations/' || id, json
    FROM conversation_json WHERE id = NEW.id;
END;

-- A conversation that is given to another user is deleted for the former one.
CREATE TRIGGER conversation_moved BEFORE UPDATE OF user_id ON conversations WHEN NEW.user_id <> OLD.user_id BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'conversation.deleted', 'user:' || OLD.user_id, '/conversations/' || id, json
    FROM conversation_json WHERE id = OLD.id;
END;

CREATE TRIGGER conversation_deleted BEFORE DELETE ON conversations BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'conversation.deleted', 'user:' || OLD.user_id, '/conversations/' || id, json
    FROM conversation_json WHERE id = OLD.id;
END;

-- Each message as the service represents it, in canonical JSON (RFC 8785).
CREATE VIEW message_json (id, json) AS
SELECT id, '{"client_message_id":' || json_quote(client_message_id)
    || ',"content":' || json_quote(content)
    || ',"conversation_id":' || conversation_id
    || ',"created_at":"' || strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
    || printf('.%06dZ', created_at % 1000000)
    || '","id":' || id
    || ',"metadata":' || metadata
    || ',"role":"' || role || '"}'
FROM messages;

-- Messages are deleted with their conversation only, whose event covers all of them.
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

CREATE TRIGGER message_moved BEFORE UPDATE OF user_id ON messages WHEN NEW.user_id <> OLD.user_id BEGIN
    INSERT INTO events (type, audience, subject, data)
    SELECT 'message.deleted', 'user:' || OLD.user_id,
        '/conversations/' || OLD.conversation_id || '/messages/' || id, json
    FROM message_json WHERE id = OLD.id;
END;
