-- works with 2.0.0
-- Conversations have titles. Messages have metadata, ids of their clients, and the roles system and tool. No statement
-- reads the tables: defaults are constant, and 0019 validates the constraints.
ALTER TABLE conversations
    ADD COLUMN title text,
    ADD CONSTRAINT conversations_title_check CHECK (char_length(title) BETWEEN 1 AND 200) NOT VALID;

-- `metadata` is the canonical text of any JSON value. A message without content must have some.
ALTER TABLE messages
    ADD COLUMN metadata text NOT NULL DEFAULT 'null',
    ADD COLUMN client_message_id text,
    DROP CONSTRAINT messages_role_check,
    DROP CONSTRAINT messages_content_check,
    ADD CONSTRAINT messages_role_check CHECK (role IN ('user', 'assistant', 'system', 'tool')) NOT VALID,
    ADD CONSTRAINT messages_content_check
        CHECK (char_length(content) <= 32000 AND (content <> '' OR metadata <> 'null')) NOT VALID,
    ADD CONSTRAINT messages_metadata_check CHECK (octet_length(metadata) <= 16384) NOT VALID,
    ADD CONSTRAINT messages_client_message_id_check
        CHECK (char_length(client_message_id) BETWEEN 1 AND 255) NOT VALID;

-- down
-- Earlier releases do not allow these messages.
DELETE FROM messages WHERE role IN ('system', 'tool') OR content = '';
UPDATE message_counts AS counts
SET total = (SELECT count(*) FROM messages WHERE messages.conversation_id = counts.conversation_id);

ALTER TABLE messages
    DROP CONSTRAINT messages_role_check,
    DROP CONSTRAINT messages_content_check;
ALTER TABLE messages DROP COLUMN metadata;
ALTER TABLE messages DROP COLUMN client_message_id;
ALTER TABLE messages
    ADD CONSTRAINT messages_role_check CHECK (role IN ('user', 'assistant')),
    ADD CONSTRAINT messages_content_check CHECK (char_length(content) BETWEEN 1 AND 32000);
ALTER TABLE conversations DROP COLUMN title;
INSERT INTO feed_epoch DEFAULT VALUES;
