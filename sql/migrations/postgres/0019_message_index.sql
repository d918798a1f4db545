-- concurrently
-- works with 2.0.0
-- Finds the message of a client's id, and validates the constraints of 0018. Both read all messages. The statements of
-- this release need neither: they lock the conversation before they look for an id.
DROP INDEX CONCURRENTLY IF EXISTS messages_of_clients;
CREATE UNIQUE INDEX CONCURRENTLY messages_of_clients ON messages (conversation_id, client_message_id)
WHERE client_message_id IS NOT NULL;
ALTER TABLE conversations VALIDATE CONSTRAINT conversations_title_check;
ALTER TABLE messages VALIDATE CONSTRAINT messages_role_check;
ALTER TABLE messages VALIDATE CONSTRAINT messages_content_check;
ALTER TABLE messages VALIDATE CONSTRAINT messages_metadata_check;
ALTER TABLE messages VALIDATE CONSTRAINT messages_client_message_id_check;

-- down
DROP INDEX messages_of_clients;
