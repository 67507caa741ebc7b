\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp;
SET ROLE NONE;
SET client_min_messages = warning;
SET standard_conforming_strings = on;
-- The administrator of an external server has fewer rights.
SELECT current_setting('is_superuser')::bool AS nself_superuser,
       current_setting('is_superuser')::bool AND current_setting('server_version_num')::int >= 170000 AS nself_quiet \gset
\if :nself_quiet
SET event_triggers = off;
\endif
-- The function of an event trigger runs as the role that causes the event, and its owner can replace it.
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid JOIN pg_roles r ON r.oid = p.proowner
              WHERE t.evtenabled <> 'D' AND NOT r.rolsuper) THEN
    RAISE EXCEPTION 'nself: the function of an event trigger belongs to a role that is not a superuser; change its owner to a superuser, or drop the trigger';
  END IF;
END $$;
