DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
       AND (classid::bigint << 32) | objid::bigint = 7241105402127946086) THEN
    RAISE EXCEPTION 'nself: the lock is lost: something else used this session; connect without a pooler';
  END IF;
END $$;
