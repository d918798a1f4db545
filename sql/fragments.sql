-- The fragments that several files of sql/queries use.

-- An Idempotency-Key of a user expires after 24 hours.
-- fragment: keys_expire_at
now() - make_interval(0, 0, 0, 0, 0, 0, 86400)

-- Lists that have not changed are not read (docs/adr/0013-unchanged-lists.md). A list is one statement, so that it sees
-- one snapshot:
--
--   {list_of} {revision} {list_state}, the total unless is_known, and the page's columns as nulls
--       ({list_state} is {list_named}, behind which further tables may be named, and the beginning of the SELECT)
--   {list_page} the page's rows and their order
--   {list_end}
--
-- Its first row is the state, and the page follows. The total is null and the page is empty if the list is_known: its
-- revision is among :known, which has a space before and after each.

-- What the user's newest event says about all of the user's lists. If there is no event behind the mark of the last
-- removed one, the mark counts.
-- fragment: revision
SELECT state[1] AS revision, CAST(state[2] AS boolean) AS is_settled FROM list_revision(:user_id) AS state

-- fragment: revision sqlite
SELECT feed.history || '.' || coalesce(newest.id, mark.id, 0)
        || '-' || coalesce(newest.created_at, mark.created_at, 0) AS revision,
    true AS is_settled
FROM (SELECT substr(entity_tag(coalesce(group_concat(value, ' '), '')), 2, 16) AS history FROM feed_epoch) AS feed
    LEFT JOIN events_pruned AS mark ON true
    LEFT JOIN (
        SELECT id, created_at FROM events
        WHERE audience = 'user:' || :user_id AND id > coalesce((SELECT id FROM events_pruned), 0)
        ORDER BY id DESC LIMIT 1) AS newest ON true

-- fragment: list_of
WITH named AS MATERIALIZED (

-- fragment: list_of sqlite
WITH state AS MATERIALIZED (
    SELECT revision, is_settled, is_settled AND strpos(:known, ' ' || revision || ' ') > 0 AS is_known FROM (

-- fragment: list_named
), state AS MATERIALIZED (
    SELECT revision, is_settled, is_settled AND strpos(:known, ' ' || revision || ' ') > 0 AS is_known FROM named)

-- In SQLite each materialised table costs memory that is mapped anew.
-- fragment: list_named sqlite
))

-- fragment: list_state
{list_named}
SELECT revision, is_settled, is_known

-- fragment: list_page
FROM state
UNION ALL
SELECT NULL, NULL, NULL, NULL, page.* FROM (

-- A limit of 0, because SQLite would evaluate a condition for each row.
-- fragment: list_limit
LIMIT CASE WHEN (SELECT is_known FROM state) THEN 0 ELSE :limit END

-- fragment: list_end
) AS page
