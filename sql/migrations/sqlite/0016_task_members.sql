-- works with 2.0.0
-- When a task is due, how urgent it is, and its tags: the canonical text of a JSON array.
ALTER TABLE tasks ADD COLUMN due_date INTEGER;
ALTER TABLE tasks ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 4);
ALTER TABLE tasks ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';

-- What the order by title and searches compare, which the service makes (docs/adr/0015-folded-texts.md). In
-- folded_text a character U+001E separates the title, the description and the tags. `folds` rises whenever the service
-- folds a text, and is 0 if another program has changed one since.
ALTER TABLE tasks ADD COLUMN folded_title TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN folded_text TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN folds INTEGER NOT NULL DEFAULT 0;

-- down
ALTER TABLE tasks DROP COLUMN folds;
ALTER TABLE tasks DROP COLUMN folded_text;
ALTER TABLE tasks DROP COLUMN folded_title;
ALTER TABLE tasks DROP COLUMN tags;
ALTER TABLE tasks DROP COLUMN priority;
ALTER TABLE tasks DROP COLUMN due_date;
