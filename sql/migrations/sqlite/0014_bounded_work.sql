-- works with 2.0.0
-- A request does a bounded amount of work. (That conversations have events of their own is in 0014_messages.sql of the
-- functions.)

-- Expired leases whose job can be repeated, and the others, however many there are of either. Copies of release 2.0.0
-- name the index jobs_leased in their queries, so it stays.
CREATE INDEX jobs_repeatable ON jobs (lease_expires_at) WHERE status = 'running' AND attempts < max_attempts;
CREATE INDEX jobs_exhausted ON jobs (lease_expires_at) WHERE status = 'running' AND attempts >= max_attempts;

-- down
DROP INDEX jobs_exhausted;
DROP INDEX jobs_repeatable;
