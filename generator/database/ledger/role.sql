DO $$ DECLARE owner name; BEGIN
  IF pg_is_in_recovery() THEN RAISE EXCEPTION 'nself: this server is a standby; run the migrations on the primary'; END IF;
  -- SQL of the project runs in this session with all rights of its role.
  IF EXISTS (SELECT FROM pg_roles
              WHERE (rolsuper OR rolcreaterole OR rolbypassrls OR rolreplication
                     OR rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
                AND pg_has_role(session_user, oid, 'MEMBER')) THEN
    RAISE EXCEPTION 'nself: the role % has or can acquire more rights than a database owner needs; log in as the role that owns the database', session_user;
  END IF;
  SELECT pg_get_userbyid(datdba) INTO owner FROM pg_database WHERE datname = current_database();
  IF owner <> session_user THEN
    RAISE EXCEPTION 'nself: the database belongs to %, but this session runs as %; log in as the role that owns the database', owner, session_user;
  END IF;
END $$;
