-- The Idempotency-Keys of users (docs/adr/0017-idempotency-keys.md). Every statement here has the user's id in its
-- condition. An answer is made of the events that the request's own batch has left, so no statement that creates
-- something needs to know of keys.

-- The events of the batch whose types begin with :type: its newest :event_count ones. Null stands for all of them or, on
-- SQLite, for one event of each row that the batch's last write has written. A batch that takes a key shares its
-- transaction with no other on PostgreSQL. On SQLite it may, but nobody else writes meanwhile. The audience makes sure
-- that nobody gets the answer to another user.
-- fragment: events_of_batch
FROM (SELECT * FROM events WHERE transaction_id = pg_current_xact_id()
    ORDER BY id DESC LIMIT CAST(:event_count AS bigint)) AS newest
WHERE strpos(type, :type) = 1 AND audience IN ('public', 'user:' || :user_id)

-- fragment: events_of_batch sqlite
FROM (SELECT * FROM events ORDER BY id DESC LIMIT coalesce(:event_count, changes())) AS newest
WHERE strpos(type, :type) = 1 AND audience IN ('public', 'user:' || :user_id)

-- Takes the key after all has been done, and waits here for another request with the same key. If that has taken the
-- key, the statement fails and so undoes the whole batch: the square root of -1 is an error that cannot be mistaken for
-- another one (key_is_taken in shared/idempotency/request_key.cpp).
-- fragment: unless_taken
ON CONFLICT (user_id, key) DO UPDATE
SET request_digest = excluded.request_digest,
    subject = excluded.subject,
    answer = excluded.answer,
    created_at = excluded.created_at
WHERE sqrt(CASE WHEN request_keys.created_at <= {keys_expire_at} THEN 1 ELSE -1 END) = 1

-- The answer is the data of the events, separated by commas and in their order: null if there are none.
-- name: take_key_of_created
INSERT INTO request_keys (user_id, key, request_digest, subject, answer, created_at)
SELECT :user_id, :key, :request_digest, min(subject), string_agg(data::text, ',' ORDER BY id), now()
{events_of_batch}
{unless_taken}

-- name: take_key_of_created sqlite
INSERT INTO request_keys (user_id, key, request_digest, subject, answer, created_at)
SELECT :user_id, :key, :request_digest, min(subject), group_concat(data, ','), now()
FROM (
    SELECT subject, data
    {events_of_batch}
    ORDER BY id) AS in_order
WHERE true
{unless_taken}

-- The answer is the id of the event, without the epoch.
-- name: take_key_of_note
INSERT INTO request_keys (user_id, key, request_digest, subject, answer, created_at)
SELECT :user_id, :key, :request_digest, subject, transaction_id::text || '-' || id, now()
{events_of_batch}
{unless_taken}

-- name: take_key_of_note sqlite
INSERT INTO request_keys (user_id, key, request_digest, subject, answer, created_at)
SELECT :user_id, :key, :request_digest, subject, '0-' || id, now()
{events_of_batch}
{unless_taken}

-- Gives the key back if the request was refused.
-- name: return_key
DELETE FROM request_keys
WHERE user_id = :user_id AND key = :key AND answer IS NULL

-- name: find_key
SELECT request_digest, subject, answer
FROM request_keys
WHERE user_id = :user_id AND key = :key AND created_at > {keys_expire_at}

-- Those of a user's keys that have expired and, beyond :most of them, the oldest ones.
-- fragment: forgettable_keys
WHERE user_id = :user_id AND created_at <= greatest({keys_expire_at}, (
    SELECT created_at FROM request_keys WHERE user_id = :user_id
    ORDER BY user_id DESC, created_at DESC LIMIT 1 OFFSET :most))
ORDER BY user_id, created_at LIMIT :limit

-- Forgets at most :limit of them. It waits for nobody.
-- name: forget_keys
DELETE FROM request_keys
WHERE user_id = :user_id AND key = ANY (ARRAY(
    SELECT key FROM request_keys {forgettable_keys} FOR UPDATE SKIP LOCKED))

-- name: forget_keys sqlite
DELETE FROM request_keys
WHERE user_id = :user_id AND key IN (SELECT key FROM request_keys {forgettable_keys})
