SET client_min_messages = warning;
SET standard_conforming_strings = on;
SET search_path = pg_catalog, pg_temp;

DO $$ BEGIN
  IF current_setting('nself.session', true) IS NULL THEN
    RAISE EXCEPTION 'nself: a pooler stands before this server; migrations need a session of the server itself';
  END IF;
END $$;
@ROLE@
