-- concurrently
-- works with 2.0.0
-- Finds the message of a client's id.
DROP INDEX IF EXISTS messages_of_clients;
CREATE UNIQUE INDEX messages_of_clients ON messages (conversation_id, client_message_id)
WHERE client_message_id IS NOT NULL;

-- down
DROP INDEX messages_of_clients;
