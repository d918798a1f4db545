-- works with 2.0.0
-- The name that a person gave when signing up.
ALTER TABLE users ADD COLUMN name TEXT CHECK (length(name) BETWEEN 1 AND 100);

-- down
ALTER TABLE users DROP COLUMN name;
