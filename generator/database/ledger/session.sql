SET client_min_messages = warning;
SET standard_conforming_strings = on;
SET search_path = public;

DO $$ BEGIN
  IF current_setting('nself.session', true) IS NULL THEN
    RAISE EXCEPTION 'nself: a pooler stands before this server; migrations need a session of the server itself';
  END IF;
  IF pg_is_in_recovery() THEN RAISE EXCEPTION 'nself: this server is a standby; migrations run on the primary'; END IF;
END $$;
