-- works with 2.0.0
-- Every change of a personal list leaves an event of its user or begins a new history of the feed. The functions and
-- triggers of this number see to that.

-- down
-- Nothing to undo.
