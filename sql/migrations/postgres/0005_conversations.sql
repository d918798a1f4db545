-- works with 2.0.0
-- Personal conversations and their messages.
CREATE TABLE conversations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, user_id)
);
-- One index for each order of a list.
CREATE INDEX conversations_by_created_at ON conversations (user_id, created_at, id);
CREATE INDEX conversations_by_updated_at ON conversations (user_id, updated_at, id);

-- The foreign key includes the user, so no message can belong to another user's conversation.
CREATE TABLE messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id bigint NOT NULL,
    user_id text NOT NULL,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL CHECK (char_length(content) BETWEEN 1 AND 32000),
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (conversation_id, user_id) REFERENCES conversations (id, user_id) ON DELETE CASCADE
);
CREATE INDEX messages_in_order ON messages (conversation_id, user_id, id);

-- A message as the service represents it, in canonical JSON (RFC 8785).
CREATE FUNCTION message_json(message messages) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"content":' || to_json(message.content)::text
    || ',"conversation_id":' || message.conversation_id
    || ',"created_at":"' || rfc3339(message.created_at)
    || '","id":' || message.id
    || ',"role":"' || message.role || '"}';

CREATE FUNCTION message_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    message messages := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
BEGIN
    INSERT INTO events (type, audience, subject, data)
    VALUES ('message.' || verb, 'user:' || message.user_id,
            '/conversations/' || message.conversation_id || '/messages/' || message.id,
            message_json(message)::json);
    RETURN NULL;
END
$$;

CREATE TRIGGER message_changed AFTER INSERT OR UPDATE OR DELETE ON messages
FOR EACH ROW EXECUTE FUNCTION message_changed();

-- down
DROP TABLE messages;
DROP TABLE conversations;
