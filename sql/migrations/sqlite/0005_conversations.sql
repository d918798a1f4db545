-- works with 2.0.0
-- Personal conversations and their messages.
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (id, user_id)
) STRICT;
-- One index for each order of a list.
CREATE INDEX conversations_by_created_at ON conversations (user_id, created_at, id);
CREATE INDEX conversations_by_updated_at ON conversations (user_id, updated_at, id);

-- The foreign key includes the user, so no message can belong to another user's conversation.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content TEXT NOT NULL CHECK (length(content) BETWEEN 1 AND 32000),
    created_at INTEGER NOT NULL,
    FOREIGN KEY (conversation_id, user_id) REFERENCES conversations (id, user_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX messages_in_order ON messages (conversation_id, user_id, id);

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

-- down
DROP TABLE messages;
DROP TABLE conversations;
