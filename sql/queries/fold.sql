-- The next tasks whose texts the service has not folded, or that another program has changed since.
-- name: tasks_to_fold
SELECT id, title, description, tags, tags AS tags_text
FROM tasks
WHERE folds = 0 AND id > :after_id
ORDER BY id
LIMIT :limit

-- name: count_tasks_to_fold
SELECT count(*) AS total
FROM tasks
WHERE folds = 0

-- Their folded texts: a JSON array of objects.
-- fragment: folds
json_to_recordset(CAST(:tasks AS json)) AS fold (id bigint, title text, description text, tags text,
    folded_title text, folded_description text, folded_tags text)

-- fragment: folds sqlite
(SELECT value ->> 'id' AS id, value ->> 'title' AS title, value ->> 'description' AS description,
    value ->> 'tags' AS tags, value ->> 'folded_title' AS folded_title,
    value ->> 'folded_description' AS folded_description, value ->> 'folded_tags' AS folded_tags
FROM json_each(:tasks)) AS fold

-- Leaves out tasks that have changed meanwhile.
-- fragment: set_folds
folded_title = fold.folded_title,
    folded_text = fold.folded_title || chr(30) || fold.folded_description || chr(30) || fold.folded_tags,
    folds = 1
FROM {folds}
WHERE tasks.id = fold.id AND tasks.folds = 0 AND tasks.title = fold.title AND tasks.description = fold.description
    AND tasks.tags = fold.tags

-- Leaves no event, so the lists that depend on folded texts must not be served yet.
-- name: fold_tasks
UPDATE tasks
SET {set_folds}

-- Leaves an event for each task, as if its title had changed, so that unchanged lists get another name.
-- name: fold_served_tasks
UPDATE tasks
SET title = tasks.title,
    {set_folds}
