DROP TABLE events_pruned;
DROP INDEX events_of_audience;
