-- works with 2.0.0
-- Conversations have titles. Messages have metadata, ids of their clients, and the roles system and tool.
ALTER TABLE conversations ADD COLUMN title TEXT CHECK (length(title) BETWEEN 1 AND 200);

-- SQLite cannot change a CHECK, so the messages are copied. No table refers to them, so dropping the former one deletes
-- nothing else, and no trigger exists while migrations run: message_counts stays as it is. The sequence is kept, so that
-- no id is used twice. Programs that do not enforce foreign keys may have deleted a conversation without its messages:
-- nobody can read these, and they are left out.
--
-- `metadata` is the canonical text of any JSON value. A message without content must have some.
ALTER TABLE messages RENAME TO messages_before;
DROP INDEX messages_in_order;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    content TEXT NOT NULL CHECK (length(content) <= 32000 AND (content <> '' OR metadata <> 'null')),
    metadata TEXT NOT NULL DEFAULT 'null' CHECK (length(CAST(metadata AS BLOB)) <= 16384),
    client_message_id TEXT CHECK (length(client_message_id) BETWEEN 1 AND 255),
    created_at INTEGER NOT NULL,
    FOREIGN KEY (conversation_id, user_id) REFERENCES conversations (id, user_id) ON DELETE CASCADE
) STRICT;
INSERT INTO messages (id, conversation_id, user_id, role, content, created_at)
SELECT id, conversation_id, user_id, role, content, created_at FROM messages_before
WHERE (conversation_id, user_id) IN (SELECT id, user_id FROM conversations) ORDER BY id;
CREATE INDEX messages_in_order ON messages (conversation_id, user_id, id);
DELETE FROM sqlite_sequence WHERE name = 'messages';
INSERT INTO sqlite_sequence (name, seq) SELECT 'messages', seq FROM sqlite_sequence WHERE name = 'messages_before';
DROP TABLE messages_before;

-- down
-- Earlier releases do not allow these messages.
DELETE FROM messages WHERE role IN ('system', 'tool') OR content = '';
UPDATE message_counts
SET total = (SELECT count(*) FROM messages WHERE messages.conversation_id = message_counts.conversation_id);

ALTER TABLE messages RENAME TO messages_after;
DROP INDEX messages_in_order;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content TEXT NOT NULL CHECK (length(content) BETWEEN 1 AND 32000),
    created_at INTEGER NOT NULL,
    FOREIGN KEY (conversation_id, user_id) REFERENCES conversations (id, user_id) ON DELETE CASCADE
) STRICT;
INSERT INTO messages (id, conversation_id, user_id, role, content, created_at)
SELECT id, conversation_id, user_id, role, content, created_at FROM messages_after
WHERE (conversation_id, user_id) IN (SELECT id, user_id FROM conversations) ORDER BY id;
CREATE INDEX messages_in_order ON messages (conversation_id, user_id, id);
DELETE FROM sqlite_sequence WHERE name = 'messages';
INSERT INTO sqlite_sequence (name, seq) SELECT 'messages', seq FROM sqlite_sequence WHERE name = 'messages_after';
DROP TABLE messages_after;
ALTER TABLE conversations DROP COLUMN title;
INSERT INTO feed_epoch DEFAULT VALUES;
