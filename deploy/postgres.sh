#!/bin/sh
# Runs once, when the PostgreSQL of compose.yaml is new: a role that owns its database and is no superuser.
set -eu
password=$(cat "${1:-/run/secrets/postgres_password}")
psql -v ON_ERROR_STOP=1 -v password="$password" --username postgres <<'END'
CREATE ROLE steelthread LOGIN PASSWORD :'password';
CREATE DATABASE steelthread OWNER steelthread ENCODING 'UTF8' TEMPLATE template0;
END
