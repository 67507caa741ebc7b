SELECT NOT EXISTS (SELECT FROM pg_extension WHERE extname = :'nself_extension') AS nself_lacks,
       coalesce((SELECT v.relocatable FROM pg_available_extensions e
                   JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
                  WHERE e.name = :'nself_extension'), true) AS nself_moves,
       (SELECT v.schema FROM pg_available_extensions e
          JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
         WHERE e.name = :'nself_extension') IS NOT NULL AS nself_has_schema \gset
\if :nself_lacks
\if :nself_moves
-- Its script runs as the superuser and finds what is in its schema, so that is an empty one of the superuser.
BEGIN;
CREATE SCHEMA nself_extension;
CREATE EXTENSION :"nself_extension" SCHEMA nself_extension;
ALTER EXTENSION :"nself_extension" SET SCHEMA public;
DROP SCHEMA nself_extension;
COMMIT;
\elif :nself_has_schema
BEGIN;
-- This one names its schema, such as `pg_catalog`. In a schema of someone else its script would find what they have put there.
SELECT set_config('nself.extension', :'nself_extension', true) \g /dev/null
DO $$ DECLARE found text; BEGIN
  SELECT n.nspname INTO found
    FROM pg_available_extensions e
    JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
    JOIN pg_namespace n ON n.nspname = v.schema JOIN pg_roles r ON r.oid = n.nspowner
   WHERE e.name = current_setting('nself.extension') AND NOT r.rolsuper;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'nself: the extension belongs into the schema %, whose owner is no superuser; rename the schema first', found;
  END IF;
END $$;
CREATE EXTENSION :"nself_extension";
-- The role that owns the database may schedule jobs; they run as the role that scheduled them.
SELECT format('GRANT USAGE ON SCHEMA cron TO %I', r.rolname) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
 WHERE d.datname = current_database() AND :'nself_extension' = 'pg_cron' \gexec
COMMIT;
\else
BEGIN;
-- This one cannot move. Its script would find what others have put into `public` under the name of a built-in one.
DO $$ DECLARE found text; BEGIN
  SELECT 'public.' || o.name INTO found FROM (
    SELECT p.proname, p.oid, p.proowner, 'pg_proc'::regclass FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
       AND EXISTS (SELECT FROM pg_proc b WHERE b.pronamespace = 'pg_catalog'::regnamespace AND b.proname = p.proname)
    UNION ALL
    SELECT p.oprname, p.oid, p.oprowner, 'pg_operator'::regclass FROM pg_operator p WHERE p.oprnamespace = 'public'::regnamespace
       AND EXISTS (SELECT FROM pg_operator b WHERE b.oprnamespace = 'pg_catalog'::regnamespace AND b.oprname = p.oprname)
  ) AS o (name, id, owner, class)
   WHERE NOT (SELECT rolsuper FROM pg_roles r WHERE r.oid = o.owner)
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.id AND d.deptype = 'e')
   ORDER BY 1 LIMIT 1;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'nself: % has the name of a built-in one, and the script of an extension would use it; drop it first', found;
  END IF;
END $$;
CREATE EXTENSION :"nself_extension" SCHEMA public;
COMMIT;
\endif
\endif
