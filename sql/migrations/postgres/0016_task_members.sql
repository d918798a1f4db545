-- works with 2.0.0
-- When a task is due, how urgent it is, and its tags: the canonical text of a JSON array. Constraints on what the table
-- has already are checked by the next migration, because that takes long.
ALTER TABLE tasks
    ADD COLUMN due_date timestamptz,
    ADD COLUMN priority smallint NOT NULL DEFAULT 0,
    ADD COLUMN tags text NOT NULL DEFAULT '[]';
ALTER TABLE tasks ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 0 AND 4) NOT VALID;

-- What the order by title and searches compare, which the service makes (docs/adr/0015-folded-texts.md). In
-- folded_text a character U+001E separates the title, the description and the tags. `folds` rises whenever the service
-- folds a text, and is 0 if another program has changed one since.
ALTER TABLE tasks
    ADD COLUMN folded_title text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN folded_text text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN folds integer NOT NULL DEFAULT 0;

-- down
-- This trigger names columns that go. The function file of the schema before creates it again.
DROP TRIGGER task_changed ON tasks;
ALTER TABLE tasks DROP COLUMN folds;
ALTER TABLE tasks DROP COLUMN folded_text;
ALTER TABLE tasks DROP COLUMN folded_title;
ALTER TABLE tasks DROP COLUMN tags;
ALTER TABLE tasks DROP COLUMN priority;
ALTER TABLE tasks DROP COLUMN due_date;
