-- The timeline of this server, in the hexadecimal digits with which the names of its WAL files begin. A promotion
-- changes it. A standby follows the timeline of its last restart point, or that up to which it has replayed more.
-- Where the server does not tell, as some hosted ones, this is empty.
CREATE OR REPLACE FUNCTION feed_timeline() RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF pg_is_in_recovery() THEN
        RETURN (SELECT lpad(upper(to_hex(greatest(timeline_id, min_recovery_end_timeline))), 8, '0')
                FROM pg_control_checkpoint(), pg_control_recovery());
    END IF;
    RETURN left(pg_walfile_name(pg_current_wal_lsn()), 8);
EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN
    RETURN '';
END
$$;
