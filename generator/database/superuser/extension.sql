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
-- The extension fixes its schema, such as `pg_catalog`.
SELECT set_config('nself.schema', v.schema, true), set_config('nself.fixed_schema', v.schema, true)
  FROM pg_available_extensions e JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
 WHERE e.name = :'nself_extension' \g /dev/null
@TRUSTED_SCHEMA@
CREATE EXTENSION :"nself_extension";
-- The owner of the database may schedule jobs. A job runs as the role that scheduled it.
SELECT format('GRANT USAGE ON SCHEMA cron TO %I', r.rolname) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
 WHERE d.datname = current_database() AND :'nself_extension' = 'pg_cron' \gexec
COMMIT;
\else
BEGIN;
-- The extension cannot change its schema. Its script could run an object in `public` that has the name of a built-in
-- one.
SELECT set_config('nself.schema', 'public', true), set_config('nself.fixed_schema', '', true) \g /dev/null
@TRUSTED_SCHEMA@
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
