SELECT NOT EXISTS (SELECT FROM pg_extension WHERE extname = :'nself_extension') AS nself_lacks,
       coalesce((SELECT v.relocatable FROM pg_available_extensions e
                   JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
                  WHERE e.name = :'nself_extension'), true) AS nself_moves,
       (SELECT v.schema FROM pg_available_extensions e
          JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
         WHERE e.name = :'nself_extension') IS NOT NULL AS nself_has_schema \gset
\if :nself_lacks
\if :nself_superuser
\if :nself_moves
-- The extension's script runs as the superuser and resolves names in its schema, so it gets an empty schema of the
-- superuser.
BEGIN;
CREATE SCHEMA nself_extension;
CREATE EXTENSION :"nself_extension" SCHEMA nself_extension;
ALTER EXTENSION :"nself_extension" SET SCHEMA public;
DROP SCHEMA nself_extension;
COMMIT;
\elif :nself_has_schema
BEGIN;
-- The extension fixes its schema, such as `pg_catalog`. In a schema of a different role, the script could run that
-- role's objects.
SELECT set_config('nself.extension', :'nself_extension', true) \g /dev/null
DO $$ DECLARE found text; BEGIN
  SELECT n.nspname INTO found
    FROM pg_available_extensions e
    JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
    JOIN pg_namespace n ON n.nspname = v.schema JOIN pg_roles r ON r.oid = n.nspowner
   WHERE e.name = current_setting('nself.extension') AND NOT r.rolsuper;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'nself: the extension must be in the schema %, whose owner is not a superuser; rename the schema first', found;
  END IF;
END $$;
CREATE EXTENSION :"nself_extension";
-- The owner of the database may schedule jobs. A job runs as the role that scheduled it.
SELECT format('GRANT USAGE ON SCHEMA cron TO %I', r.rolname) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
 WHERE d.datname = current_database() AND :'nself_extension' = 'pg_cron' \gexec
COMMIT;
\else
BEGIN;
-- The extension cannot change its schema. Its script could run an object in `public` that has the name of a built-in
-- one.
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
    RAISE EXCEPTION 'nself: % has the name of a built-in object, and the script of an extension would use it; drop it first', found;
  END IF;
END $$;
CREATE EXTENSION :"nself_extension" SCHEMA public;
COMMIT;
\endif
\elif :nself_has_schema
-- The server runs the scripts of extensions that an administrator may create as its own superuser.
CREATE EXTENSION :"nself_extension";
\else
CREATE EXTENSION :"nself_extension" SCHEMA public;
\endif
\endif
