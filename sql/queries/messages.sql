-- Every statement here has the user's id in its condition.

-- fragment: message_columns
id, conversation_id, role, content, created_at

-- Whether the conversation has fewer than `max_messages`; null is no limit.
-- fragment: has_room
(CAST(:max_messages AS bigint) IS NULL
    OR coalesce((SELECT total FROM message_counts WHERE conversation_id = :conversation_id), 0) < :max_messages)

-- Both change nothing if the conversation does not exist or has no room.
-- name: touch_conversation
UPDATE conversations
SET updated_at = greatest(now(), updated_at)
WHERE user_id = :user_id AND id = :conversation_id AND {has_room}
RETURNING id

-- name: insert_message
INSERT INTO messages (conversation_id, user_id, role, content, created_at)
SELECT id, user_id, :role, :content, now()
FROM conversations
WHERE user_id = :user_id AND id = :conversation_id AND {has_room}
RETURNING {message_columns}

-- The messages of a conversation behind one of them, in order. Both bounds and the order begin with the conversation,
-- for the same reason as in list_events_of. In SQLite the id is not a column of an index, so INDEXED BY names the index
-- to use.
-- fragment: messages_behind
messages
WHERE (conversation_id, user_id, id) >= (:conversation_id, :user_id, :after_id) AND id <> :after_id AND (conversation_id, user_id) <= (:conversation_id, :user_id)
ORDER BY conversation_id, user_id, id

-- fragment: messages_behind sqlite
messages INDEXED BY messages_in_order
WHERE user_id = :user_id AND conversation_id = :conversation_id AND id > :after_id
ORDER BY id

-- The lists (sql/fragments.sql). Deleting messages leaves no event but lowers their count, which only a new message
-- raises, so the count is a part of the revision. The total is null if the conversation does not exist, too.
-- fragment: message_page
{list_of}
SELECT revision || '-' || coalesce((SELECT total FROM message_counts WHERE conversation_id = :conversation_id), 0)
        AS revision, is_settled
FROM ({revision}) AS of_user
{list_state}, CASE WHEN NOT is_known AND EXISTS (
        SELECT 1 FROM conversations WHERE user_id = :user_id AND id = :conversation_id) THEN (
        SELECT count(*) FROM messages WHERE user_id = :user_id AND conversation_id = :conversation_id) END AS total,
    CAST(NULL AS bigint) AS id, CAST(NULL AS bigint) AS conversation_id, CAST(NULL AS text) AS role,
    CAST(NULL AS text) AS content, CAST(NULL AS timestamptz) AS created_at
{list_page}
SELECT {message_columns}

-- name: list_messages
{message_page}
FROM {messages_behind}
{list_limit} OFFSET :offset
{list_end}

-- Lists the newest messages, oldest first.
-- name: list_last_messages
{message_page}
FROM (
    SELECT {message_columns}
    FROM messages
    WHERE (conversation_id, user_id) >= (:conversation_id, :user_id) AND (conversation_id, user_id) <= (:conversation_id, :user_id)
    ORDER BY conversation_id DESC, user_id DESC, id DESC
    {list_limit}) AS newest
ORDER BY id
{list_end}

-- The id of the last of the next :limit messages; null if there are none.
-- name: last_of_next_messages
SELECT max(id) AS id
FROM (SELECT id FROM {messages_behind} LIMIT :limit) AS batch

-- Deletes these messages. It finds them by their ids alone, so that the planner has no other choice.
-- name: delete_next_messages
DELETE FROM messages
WHERE id = ANY (ARRAY(SELECT id FROM {messages_behind} LIMIT :limit))

-- name: delete_next_messages sqlite
DELETE FROM messages
WHERE id IN (SELECT id FROM {messages_behind} LIMIT :limit)
