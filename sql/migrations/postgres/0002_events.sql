-- works with 2.0.0
-- One row for each change, written by triggers in the transaction of the change.
--
-- Ids are assigned before transactions commit, so their order is not the commit order: a reader orders by
-- transaction_id and stops before the oldest transaction that is still running.
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    type text NOT NULL,
    audience text NOT NULL,
    subject text NOT NULL,
    data json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A moment in RFC 3339, in UTC with microseconds, as the service writes every timestamp.
CREATE FUNCTION rfc3339(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- The strong ETag of a representation, given as canonical JSON (RFC 8785).
CREATE FUNCTION entity_tag(canonical_json text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '"' || encode(sha256(convert_to(canonical_json, 'UTF8')), 'hex') || '"';

-- down
DROP TABLE events;
