-- A message as the service represents it, in canonical JSON (RFC 8785).
CREATE OR REPLACE FUNCTION message_json(message messages) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"content":' || to_json(message.content)::text
    || ',"conversation_id":' || message.conversation_id
    || ',"created_at":"' || rfc3339(message.created_at)
    || '","id":' || message.id
    || ',"role":"' || message.role || '"}';

CREATE OR REPLACE FUNCTION message_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    message :schema.messages := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
BEGIN
    INSERT INTO :schema.events (type, audience, subject, data)
    VALUES ('message.' || verb, 'user:' || message.user_id,
            '/conversations/' || message.conversation_id || '/messages/' || message.id,
            :schema.message_json(message)::json);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER message_changed AFTER INSERT OR UPDATE OR DELETE ON messages
FOR EACH ROW EXECUTE FUNCTION message_changed();
