-- Every statement here has the user's id in its condition.

-- fragment: task_columns
id, user_id, title, description, completed, due_date, priority, tags, created_at, updated_at

-- The WriteCondition of a write; null etags match any state.
-- fragment: condition
(CAST(:etags AS text) IS NULL OR (strpos(:etags, entity_tag(task_json(tasks))) > 0) = :among_etags)

-- fragment: condition sqlite
(:etags IS NULL OR (strpos(:etags, (
    SELECT entity_tag(json) FROM task_json AS current WHERE current.id = :id)) > 0) = :among_etags)

-- The three folded texts as one.
-- fragment: folded_text
CAST(:folded_title AS text) || chr(30) || CAST(:folded_description AS text) || chr(30) || CAST(:folded_tags AS text)

-- How many tasks the user has.
-- fragment: task_total
(SELECT coalesce(sum(total), 0) FROM task_counts WHERE user_id = :user_id)

-- Whether the user may have so many more tasks; null is no limit. Who has too many may still change and delete them.
-- fragment: has_room_for
(CAST(:max_tasks AS bigint) IS NULL OR CAST(:added_count AS bigint) <= 0
        OR {task_total} + :added_count <= :max_tasks)

-- Inserts nothing if the user has `max_tasks` of them; null is no limit.
-- name: insert_task appends
INSERT INTO tasks (user_id, title, description, completed, due_date, priority, tags,
    folded_title, folded_text, folds, created_at, updated_at)
SELECT :user_id, :title, :description, CAST(:completed AS boolean), CAST(:due_date AS timestamptz), :priority, :tags,
    :folded_title, {folded_text}, 1, now(), now()
WHERE CAST(:max_tasks AS bigint) IS NULL OR {task_total} < :max_tasks
RETURNING {task_columns}

-- name: find_task
SELECT {task_columns}
FROM tasks
WHERE user_id = :user_id AND id = :id

-- name: task_exists
SELECT count(*) > 0 AS "exists"
FROM tasks
WHERE user_id = :user_id AND id = :id

-- name: task_of_others_exists
SELECT count(*) > 0 AS "exists"
FROM tasks
WHERE user_id <> :user_id AND id = :id

-- A null parameter leaves its column unchanged, and its part of the folded text. A task that is to be folded remains so,
-- because only some of its texts may change.
-- name: update_task
UPDATE tasks
SET title = coalesce(:title, title),
    description = coalesce(:description, description),
    completed = coalesce(:completed, completed),
    due_date = CASE WHEN :has_due_date THEN :due_date ELSE due_date END,
    priority = coalesce(:priority, priority),
    tags = coalesce(:tags, tags),
    folded_title = coalesce(:folded_title, folded_title),
    folded_text = CASE WHEN coalesce(:folded_title, :folded_description, :folded_tags) IS NULL THEN folded_text
        ELSE coalesce(:folded_title, split_part(folded_text, chr(30), 1)) || chr(30)
            || coalesce(:folded_description, split_part(folded_text, chr(30), 2)) || chr(30)
            || coalesce(:folded_tags, split_part(folded_text, chr(30), 3)) END,
    folds = folds + least(folds, 1),
    updated_at = greatest(now(), updated_at)
WHERE user_id = :user_id AND id = :id AND {condition}
RETURNING {task_columns}

-- name: toggle_task
UPDATE tasks
SET completed = NOT completed,
    updated_at = greatest(now(), updated_at)
WHERE user_id = :user_id AND id = :id AND {condition}
RETURNING {task_columns}

-- Whether a task is one of :ids, a JSON array. The column has a name that no table has: `id` would be that of the task.
-- fragment: is_named
id = ANY (ARRAY(SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json)) AS named (value)))

-- fragment: is_named sqlite
id IN (SELECT value FROM json_each(:ids))

-- A batch of operations is these statements, in this order. The first one locks the tasks that are named, and fails if
-- one is missing or the user would have more than `max_tasks`, so that nothing is done. (A division by zero, which no
-- other statement attempts: `batch_refused` in handlers/tasks_batch.cpp.) It also fails if a later transaction has changed
-- one of them while it waited for another, for the reason that lease_jobs gives: the batch is then repeated.
-- name: require_tasks
SELECT div(1, CASE WHEN (
        SELECT count(*) FROM (
            SELECT id FROM tasks
            WHERE user_id = :user_id AND {is_named} AND age(xmin) NOT BETWEEN -1000000 AND -1
            ORDER BY id
            FOR UPDATE) AS locked) = :id_count
    AND {has_room_for} THEN 1 ELSE 0 END) AS proceeds

-- name: require_tasks sqlite
SELECT div(1, CASE WHEN (
        SELECT count(*) FROM tasks
        WHERE user_id = :user_id AND {is_named}) = :id_count
    AND {has_room_for} THEN 1 ELSE 0 END) AS proceeds

-- Members that are absent are null, and then have their default in a new task, or stay as they are.
-- fragment: operations
json_to_recordset(CAST(:operations AS json)) AS operation (position bigint, id bigint, title text, description text,
    completed boolean, due_date timestamptz, has_due_date boolean, priority smallint, tags text,
    folded_title text, folded_description text, folded_tags text)

-- fragment: operations sqlite
(SELECT value ->> 'position' AS position, value ->> 'id' AS id, value ->> 'title' AS title,
    value ->> 'description' AS description, value ->> 'completed' AS completed,
    moment(value ->> 'due_date') AS due_date, value ->> 'has_due_date' AS has_due_date,
    value ->> 'priority' AS priority, value ->> 'tags' AS tags, value ->> 'folded_title' AS folded_title,
    value ->> 'folded_description' AS folded_description, value ->> 'folded_tags' AS folded_tags
FROM json_each(:operations)) AS operation

-- Their ids are in the order of the array.
-- name: insert_tasks
INSERT INTO tasks (user_id, title, description, completed, due_date, priority, tags,
    folded_title, folded_text, folds, created_at, updated_at)
SELECT :user_id, title, coalesce(description, ''), coalesce(completed, false), due_date, coalesce(priority, 0),
    coalesce(tags, '[]'), folded_title,
    folded_title || chr(30) || coalesce(folded_description, '') || chr(30) || coalesce(folded_tags, ''), 1, now(), now()
FROM {operations}
ORDER BY position
RETURNING {task_columns}

-- name: update_tasks
UPDATE tasks
SET title = coalesce(operation.title, tasks.title),
    description = coalesce(operation.description, tasks.description),
    completed = coalesce(operation.completed, tasks.completed),
    due_date = CASE WHEN operation.has_due_date THEN operation.due_date ELSE tasks.due_date END,
    priority = coalesce(operation.priority, tasks.priority),
    tags = coalesce(operation.tags, tasks.tags),
    folded_title = coalesce(operation.folded_title, tasks.folded_title),
    folded_text = CASE
        WHEN coalesce(operation.folded_title, operation.folded_description, operation.folded_tags) IS NULL
        THEN tasks.folded_text
        ELSE coalesce(operation.folded_title, split_part(tasks.folded_text, chr(30), 1)) || chr(30)
            || coalesce(operation.folded_description, split_part(tasks.folded_text, chr(30), 2)) || chr(30)
            || coalesce(operation.folded_tags, split_part(tasks.folded_text, chr(30), 3)) END,
    folds = tasks.folds + least(tasks.folds, 1),
    updated_at = greatest(now(), tasks.updated_at)
FROM {operations}
WHERE tasks.user_id = :user_id AND tasks.id = operation.id
RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed, tasks.due_date, tasks.priority,
    tasks.tags, tasks.created_at, tasks.updated_at

-- name: delete_tasks
DELETE FROM tasks
WHERE user_id = :user_id AND {is_named}

-- Whether the user has room for the tasks that a refused batch adds.
-- name: has_room_for_tasks
SELECT {has_room_for} AS "exists"

-- What the ids of a refused batch are.
-- name: find_named_tasks
SELECT id, user_id = :user_id AS is_own
FROM tasks
WHERE {is_named}

-- name: delete_task
DELETE FROM tasks
WHERE user_id = :user_id AND id = :id AND {condition}
RETURNING id

-- The tasks that a list shows. With `is_filtered`, `completed` must equal one of two values, which may be the same;
-- `priorities` has a bit for each priority; null moments are no bounds. As one CASE, whose selectivity the planner of
-- PostgreSQL takes for a half: by the product of several conditions, it would expect hardly any row, and sort. `id > 0`,
-- which is always true, keeps the planner from replacing the CASE by its conditions when it knows the parameters.
-- fragment: listed_tasks
FROM tasks
WHERE user_id = :user_id AND CASE WHEN :is_filtered AND id > 0 THEN
    completed IN (:completed, :or_completed) AND (CAST(:priorities AS bigint) >> priority) & 1 = 1
    AND (CAST(:due_after AS timestamptz) IS NULL OR due_date > :due_after)
    AND (CAST(:due_before AS timestamptz) IS NULL OR due_date < :due_before) ELSE true END

-- name: count_tasks
SELECT count(*) AS total
FROM tasks
WHERE user_id = :user_id

-- fragment: no_task
CAST(NULL AS bigint) AS id, CAST(NULL AS text) AS user_id, CAST(NULL AS text) AS title,
    CAST(NULL AS text) AS description, CAST(NULL AS boolean) AS completed, CAST(NULL AS timestamptz) AS due_date,
    CAST(NULL AS smallint) AS priority, CAST(NULL AS text) AS tags,
    CAST(NULL AS timestamptz) AS created_at, CAST(NULL AS timestamptz) AS updated_at

-- The lists (sql/fragments.sql), which start after a position.
-- fragment: task_page
{list_of}
{revision}
{list_state}, CASE WHEN NOT is_known THEN (SELECT count(*) {listed_tasks}) END AS total,
    {no_task}
{list_page}
SELECT {task_columns}

-- name: list_tasks_by_created_at_asc
{task_page}
{listed_tasks}
    AND (created_at, id) > (:after_key, :after_id)
ORDER BY created_at, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_created_at_desc
{task_page}
{listed_tasks}
    AND (created_at, id) < (:after_key, :after_id)
ORDER BY created_at DESC, id DESC
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_updated_at_asc
{task_page}
{listed_tasks}
    AND (updated_at, id) > (:after_key, :after_id)
ORDER BY updated_at, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_updated_at_desc
{task_page}
{listed_tasks}
    AND (updated_at, id) < (:after_key, :after_id)
ORDER BY updated_at DESC, id DESC
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_title_asc
{task_page}
{listed_tasks}
    AND (folded_title, title, id) > (:after_key, :after_title, :after_id)
ORDER BY folded_title, title, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_title_desc
{task_page}
{listed_tasks}
    AND (folded_title, title, id) < (:after_key, :after_title, :after_id)
ORDER BY folded_title DESC, title DESC, id DESC
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_priority_asc
{task_page}
{listed_tasks}
    AND (priority, id) > (:after_key, :after_id)
ORDER BY priority, id
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_priority_desc
{task_page}
{listed_tasks}
    AND (priority, id) < (:after_key, :after_id)
ORDER BY priority DESC, id DESC
{list_limit} OFFSET :offset
{list_end}

-- Those without a due date come last, whatever the order. Both parts are in the order of the index. :earliest and
-- :latest bound the part of the index that is read; the position after which a part begins may be behind its end.
-- name: list_tasks_by_due_date_asc
{task_page}
FROM (
    SELECT * FROM (
        SELECT {task_columns}
        {listed_tasks}
            AND due_date >= :earliest AND due_date <= :latest AND (due_date, id) > (:after_key, :after_id)
        ORDER BY due_date, id
        LIMIT CAST(:limit AS bigint) + :offset) AS dated
    UNION ALL
    SELECT * FROM (
        SELECT {task_columns}
        {listed_tasks}
            AND due_date IS NULL AND id > :after_undated_id
        ORDER BY due_date, id
        LIMIT CAST(:limit AS bigint) + :offset) AS undated) AS listed
{list_limit} OFFSET :offset
{list_end}

-- name: list_tasks_by_due_date_desc
{task_page}
FROM (
    SELECT * FROM (
        SELECT {task_columns}
        {listed_tasks}
            AND due_date >= :earliest AND due_date <= :latest AND (due_date, id) < (:after_key, :after_id)
        ORDER BY due_date DESC, id DESC
        LIMIT CAST(:limit AS bigint) + :offset) AS dated
    UNION ALL
    SELECT * FROM (
        SELECT {task_columns}
        {listed_tasks}
            AND due_date IS NULL AND id < :after_undated_id
        ORDER BY due_date DESC, id DESC
        LIMIT CAST(:limit AS bigint) + :offset) AS undated) AS listed
{list_limit} OFFSET :offset
{list_end}

-- Whether each of :parts, a JSON array, occurs in the texts of a task.
-- fragment: has_parts
folded_text LIKE ALL (ARRAY(
        SELECT '%' || replace(replace(replace(part, '\', '\\'), '%', '\%'), '_', '\_') || '%'
        FROM json_array_elements_text(CAST(:parts AS json)) AS part))

-- fragment: has_parts sqlite
has_parts(folded_text, :parts)

-- Lists in which texts are searched look at all tasks of the user, and sort what they find by keys: `sort` names the key.
-- What a list is not sorted by is equal to its position, so that it decides nothing. Whole tasks are read for the page
-- only.
-- fragment: search_keys
CASE :sort WHEN 'created_at' THEN created_at WHEN 'updated_at' THEN updated_at
            WHEN 'due_date' THEN coalesce(due_date, :undated) ELSE :after_moment END AS moment_key,
        CASE :sort WHEN 'priority' THEN priority ELSE :after_priority END AS priority_key,
        CASE :sort WHEN 'title' THEN folded_title ELSE :after_folded_title END AS folded_title_key,
        CASE :sort WHEN 'title' THEN title ELSE :after_title END AS title_key

-- fragment: found_tasks
found AS MATERIALIZED (
    SELECT id, {search_keys}
    {listed_tasks} AND {has_parts}
    LIMIT CASE WHEN (SELECT is_known FROM state) THEN 0 ELSE 9223372036854775807 END)
SELECT revision, is_settled, is_known, CASE WHEN NOT is_known THEN (SELECT count(*) FROM found) END AS total,
    {no_task}
{list_page}
SELECT {task_columns}
FROM (SELECT tasks.*, {search_keys} FROM tasks) AS keyed

-- fragment: these_ids
id = ANY (ARRAY(

-- fragment: these_ids sqlite
id IN (

-- fragment: end_of_ids
))

-- fragment: end_of_ids sqlite
)

-- name: search_tasks_asc
{list_of}
{revision}
{list_named}, {found_tasks}
WHERE user_id = :user_id AND {these_ids}
    SELECT id FROM found
    WHERE (moment_key, priority_key, folded_title_key, title_key, id)
        > (:after_moment, :after_priority, :after_folded_title, :after_title, :after_id)
    ORDER BY moment_key, priority_key, folded_title_key, title_key, id
    {list_limit} OFFSET :offset{end_of_ids}
ORDER BY moment_key, priority_key, folded_title_key, title_key, id
{list_end}

-- name: search_tasks_desc
{list_of}
{revision}
{list_named}, {found_tasks}
WHERE user_id = :user_id AND {these_ids}
    SELECT id FROM found
    WHERE (moment_key, priority_key, folded_title_key, title_key, id)
        < (:after_moment, :after_priority, :after_folded_title, :after_title, :after_id)
    ORDER BY moment_key DESC, priority_key DESC, folded_title_key DESC, title_key DESC, id DESC
    {list_limit} OFFSET :offset{end_of_ids}
ORDER BY moment_key DESC, priority_key DESC, folded_title_key DESC, title_key DESC, id DESC
{list_end}
