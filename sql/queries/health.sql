-- name: ping
SELECT true AS ok
