-- A moment in RFC 3339, in UTC with microseconds, as the service writes every timestamp.
CREATE OR REPLACE FUNCTION rfc3339(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- The strong ETag of a representation, given as canonical JSON (RFC 8785).
CREATE OR REPLACE FUNCTION entity_tag(canonical_json text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '"' || encode(sha256(convert_to(canonical_json, 'UTF8')), 'hex') || '"';
