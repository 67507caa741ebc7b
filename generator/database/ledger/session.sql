SET client_min_messages = warning;
SET standard_conforming_strings = on;
SET search_path = pg_catalog, pg_temp;
-- Compiling the queries of the catalog takes longer than running them.
SET jit = off;

DO $$ BEGIN
  IF current_setting('nself.session', true) IS NULL THEN
    RAISE EXCEPTION 'nself: this connection goes through a pooler; migrations need a direct connection to the server';
  END IF;
END $$;
@ROLE@
