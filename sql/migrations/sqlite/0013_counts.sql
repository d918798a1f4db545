-- works with 2.0.0
-- How many tasks a user has, how many messages a conversation, and how many tasks the board. Quotas are compared with
-- these counts, because counting rows takes longer with each row. The slot is always 0: PostgreSQL has several.
CREATE TABLE task_counts (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    slot INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (user_id, slot)
) STRICT, WITHOUT ROWID;
INSERT INTO task_counts (user_id, slot, total) SELECT user_id, 0, count(*) FROM tasks GROUP BY user_id;

CREATE TABLE board_counts (
    slot INTEGER PRIMARY KEY,
    total INTEGER NOT NULL
) STRICT;
INSERT INTO board_counts (slot, total)
SELECT 0, total FROM (SELECT count(*) AS total FROM collab_tasks) AS counted WHERE total > 0;

CREATE TABLE message_counts (
    conversation_id INTEGER PRIMARY KEY REFERENCES conversations (id) ON DELETE CASCADE,
    total INTEGER NOT NULL
) STRICT;
INSERT INTO message_counts (conversation_id, total)
SELECT conversation_id, count(*) FROM messages GROUP BY conversation_id;

-- down
DROP TABLE message_counts;
DROP TABLE board_counts;
DROP TABLE task_counts;
