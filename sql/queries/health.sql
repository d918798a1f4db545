-- name: ping
SELECT true AS ok

-- name: ping sqlite
SELECT 1 AS ok
