DROP TABLE events_pruned;
DROP INDEX events_of_audience;
DROP INDEX events_in_commit_order;
