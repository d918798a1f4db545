-- Every statement here has the user's id in its condition.

-- fragment: message_columns
id, conversation_id, role, content, metadata, client_message_id, created_at

-- Adding messages (shared/conversations/add_messages.hpp) takes these statements, in this order. The first one makes
-- concurrent requests to one conversation wait before they have a place in the feed, which PostgreSQL gives them with the
-- first row that they lock or write: so events are in the order of ids. (506311 stands for conversations.)
-- name: queue_for_conversation
SELECT pg_advisory_xact_lock(506311, hashint8(:conversation_id)) IS NULL AS has_waited

-- name: queue_for_conversation sqlite
SELECT :conversation_id IS NULL AS has_waited

-- Also makes a deletion wait. The others see what was added before.
-- name: lock_conversation
WITH locked AS (
    SELECT id FROM conversations
    WHERE user_id = :user_id AND id = :conversation_id
    FOR NO KEY UPDATE OF conversations)
SELECT count(*) > 0 AS "exists" FROM locked

-- name: lock_conversation sqlite
SELECT count(*) > 0 AS "exists"
FROM conversations
WHERE user_id = :user_id AND id = :conversation_id

-- What is to be added: a JSON array of objects. Their metadata is a text, so that neither engine reformats it.
-- fragment: sent_messages
ROWS FROM (json_to_recordset(CAST(:messages AS json))
    AS (role text, content text, metadata text, client_message_id text)) WITH ORDINALITY
    AS sent (role, content, metadata, client_message_id, position)

-- fragment: sent_messages sqlite
(SELECT value ->> '$.role' AS role, value ->> '$.content' AS content, value ->> '$.metadata' AS metadata,
    value ->> '$.client_message_id' AS client_message_id, key AS position
FROM json_each(:messages)) AS sent

-- The id of the message that has the same client_message_id. A subquery and not a join, so that the planner looks each
-- one up instead of reading the conversation.
-- fragment: earlier_id
(SELECT id FROM messages AS earlier
    WHERE earlier.conversation_id = :conversation_id AND earlier.client_message_id = sent.client_message_id)

-- Those that the conversation has already.
-- name: find_sent_messages
SELECT {message_columns}
FROM messages
WHERE user_id = :user_id AND id = ANY (ARRAY(SELECT {earlier_id} FROM {sent_messages}))

-- name: find_sent_messages sqlite
SELECT {message_columns}
FROM messages
WHERE user_id = :user_id AND id IN (SELECT {earlier_id} FROM {sent_messages})

-- The others.
-- fragment: new_messages
FROM {sent_messages}
WHERE {earlier_id} IS NULL

-- Whether there are new messages and the conversation has room for all of them. A null `max_messages` is no limit.
-- fragment: adds_messages
(SELECT count(*) {new_messages}) BETWEEN 1 AND coalesce(CAST(:max_messages AS bigint)
    - coalesce((SELECT total FROM message_counts WHERE conversation_id = :conversation_id), 0), 9223372036854775807)

-- name: touch_conversation
UPDATE conversations
SET updated_at = greatest(now(), updated_at)
WHERE user_id = :user_id AND id = :conversation_id AND {adds_messages}

-- Their ids are in the order of the array.
-- name: insert_messages
INSERT INTO messages (conversation_id, user_id, role, content, metadata, client_message_id, created_at)
SELECT :conversation_id, :user_id, role, content, metadata, client_message_id, now()
{new_messages} AND {adds_messages} AND EXISTS (
    SELECT 1 FROM conversations WHERE user_id = :user_id AND id = :conversation_id)
ORDER BY position
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
    CAST(NULL AS text) AS content, CAST(NULL AS text) AS metadata, CAST(NULL AS text) AS client_message_id,
    CAST(NULL AS timestamptz) AS created_at
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
