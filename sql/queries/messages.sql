-- Everything here has the user's id in its condition.
-- name: touch_conversation
UPDATE conversations
SET updated_at = greatest(now(), updated_at)
WHERE user_id = $1 AND id = $2
RETURNING id

-- Nothing without the conversation.
-- name: insert_message
INSERT INTO messages (conversation_id, user_id, role, content, created_at)
SELECT id, user_id, $3, $4, now()
FROM conversations
WHERE user_id = $1 AND id = $2
RETURNING id, conversation_id, role, content, created_at

-- name: count_messages
SELECT count(*) AS total
FROM messages
WHERE user_id = $1 AND conversation_id = $2

-- Both bounds and the order begin with the conversation, as those of list_events_of with the audience. In SQLite an id
-- is no column of an index, so it is told which one to take.
-- name: list_messages
SELECT id, conversation_id, role, content, created_at
FROM messages
WHERE (conversation_id, user_id, id) >= ($2, $1, $3) AND id <> $3 AND (conversation_id, user_id) <= ($2, $1)
ORDER BY conversation_id, user_id, id
LIMIT $4 OFFSET $5

-- name: list_messages sqlite
SELECT id, conversation_id, role, content, created_at
FROM messages INDEXED BY messages_in_order
WHERE user_id = $1 AND conversation_id = $2 AND id > $3
ORDER BY id
LIMIT $4 OFFSET $5

-- The newest ones.
-- name: list_last_messages
SELECT id, conversation_id, role, content, created_at
FROM (
    SELECT id, conversation_id, role, content, created_at
    FROM messages
    WHERE (conversation_id, user_id) >= ($2, $1) AND (conversation_id, user_id) <= ($2, $1)
    ORDER BY conversation_id DESC, user_id DESC, id DESC
    LIMIT $3) AS newest
ORDER BY id
