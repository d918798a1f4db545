-- works with 2.0.0
-- How many tasks a user has, how many messages a conversation, and how many tasks the board. Quotas are compared with
-- these counts, because counting rows takes longer with each row. Locks in the order of writers, so that nothing is
-- added after it was counted and before the triggers count.
LOCK TABLE users, collab_tasks, tasks, conversations, messages IN SHARE ROW EXCLUSIVE MODE;

-- A count is the sum of the rows of its slots. There are several for the same reason as in board_revisions.
CREATE TABLE task_counts (
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    slot integer NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (user_id, slot)
) WITH (fillfactor = 70);
INSERT INTO task_counts (user_id, slot, total) SELECT user_id, 0, count(*) FROM tasks GROUP BY user_id;

CREATE TABLE board_counts (
    slot integer PRIMARY KEY,
    total bigint NOT NULL
) WITH (fillfactor = 70);
INSERT INTO board_counts (slot, total)
SELECT 0, total FROM (SELECT count(*) AS total FROM collab_tasks) AS counted WHERE total > 0;

-- One row each: a message locks its conversation anyway.
CREATE TABLE message_counts (
    conversation_id bigint PRIMARY KEY REFERENCES conversations (id) ON DELETE CASCADE,
    total bigint NOT NULL
) WITH (fillfactor = 70);
INSERT INTO message_counts (conversation_id, total)
SELECT conversation_id, count(*) FROM messages GROUP BY conversation_id;

-- down
DROP TABLE message_counts;
DROP TABLE board_counts;
DROP TABLE task_counts;
