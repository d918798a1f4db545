-- A conversation as the service represents it, in canonical JSON (RFC 8785).
CREATE OR REPLACE FUNCTION conversation_json(conversation conversations) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"created_at":"' || rfc3339(conversation.created_at)
    || '","id":' || conversation.id
    || ',"title":' || coalesce(to_json(conversation.title)::text, 'null')
    || ',"updated_at":"' || rfc3339(conversation.updated_at)
    || '","user_id":' || to_json(conversation.user_id)::text || '}';

-- A conversation that is given to another user is deleted for the former one.
CREATE OR REPLACE FUNCTION conversation_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    conversation :schema.conversations := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.user_id <> OLD.user_id THEN
        INSERT INTO :schema.events (type, audience, subject, data)
        VALUES ('conversation.deleted', 'user:' || OLD.user_id, '/conversations/' || OLD.id,
                :schema.conversation_json(OLD)::json);
    END IF;
    INSERT INTO :schema.events (type, audience, subject, data)
    VALUES ('conversation.' || verb, 'user:' || conversation.user_id, '/conversations/' || conversation.id,
            :schema.conversation_json(conversation)::json);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER conversation_changed AFTER INSERT OR UPDATE OR DELETE ON conversations
FOR EACH ROW EXECUTE FUNCTION conversation_changed();

-- A message as the service represents it, in canonical JSON (RFC 8785).
CREATE OR REPLACE FUNCTION message_json(message messages) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"client_message_id":' || coalesce(to_json(message.client_message_id)::text, 'null')
    || ',"content":' || to_json(message.content)::text
    || ',"conversation_id":' || message.conversation_id
    || ',"created_at":"' || rfc3339(message.created_at)
    || '","id":' || message.id
    || ',"metadata":' || message.metadata
    || ',"role":"' || message.role || '"}';

CREATE OR REPLACE FUNCTION message_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE 'updated' END;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.user_id <> OLD.user_id THEN
        INSERT INTO :schema.events (type, audience, subject, data)
        VALUES ('message.deleted', 'user:' || OLD.user_id,
                '/conversations/' || OLD.conversation_id || '/messages/' || OLD.id,
                :schema.message_json(OLD)::json);
    END IF;
    INSERT INTO :schema.events (type, audience, subject, data)
    VALUES ('message.' || verb, 'user:' || NEW.user_id,
            '/conversations/' || NEW.conversation_id || '/messages/' || NEW.id,
            :schema.message_json(NEW)::json);
    RETURN NULL;
END
$$;

-- Messages are deleted with their conversation only, whose event covers all of them.
CREATE OR REPLACE TRIGGER message_changed AFTER INSERT OR UPDATE ON messages
FOR EACH ROW EXECUTE FUNCTION message_changed();
