DROP FUNCTION entity_tag(text);
DROP FUNCTION rfc3339(timestamptz);
DROP TABLE events;
