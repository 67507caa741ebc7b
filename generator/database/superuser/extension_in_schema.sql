-- The version and the schema are those that the stack names. Otherwise, the version is the default one, and the schema
-- that of the existing extension, that of its control file, or `public`.
SELECT coalesce(nullif(:'nself_version', ''),
                (SELECT extversion FROM pg_extension WHERE extname = :'nself_extension'),
                (SELECT default_version FROM pg_available_extensions WHERE name = :'nself_extension'), '') AS nself_version \gset
SELECT coalesce(nullif(:'nself_schema', ''),
                (SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = :'nself_extension'),
                (SELECT schema::text FROM pg_available_extension_versions WHERE name = :'nself_extension' AND version = :'nself_version'),
                'public') AS nself_schema,
       NOT EXISTS (SELECT FROM pg_extension WHERE extname = :'nself_extension') AS nself_lacks,
       coalesce((SELECT relocatable FROM pg_available_extension_versions
                  WHERE name = :'nself_extension' AND version = :'nself_version'), true) AS nself_moves,
       coalesce((SELECT schema::text FROM pg_available_extension_versions
                  WHERE name = :'nself_extension' AND version = :'nself_version'), '') AS nself_fixed_schema \gset
SELECT :'nself_fixed_schema' <> '' AS nself_has_schema, :'nself_fixed_schema' NOT IN ('', :'nself_schema') AS nself_conflicts,
       EXISTS (SELECT FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                WHERE e.extname = :'nself_extension' AND n.nspname <> :'nself_schema') AS nself_is_elsewhere,
       EXISTS (SELECT FROM pg_extension WHERE extname = :'nself_extension' AND extversion <> :'nself_version') AS nself_is_different \gset
-- The values that the blocks below read.
SELECT set_config('nself.extension', :'nself_extension', false), set_config('nself.schema', :'nself_schema', false),
       set_config('nself.fixed_schema', :'nself_fixed_schema', false) \g /dev/null
\if :nself_conflicts
DO $$ BEGIN
  RAISE EXCEPTION 'nself: the extension % can only be in the schema %; remove its schema from the definition',
    current_setting('nself.extension'), current_setting('nself.fixed_schema');
END $$;
\endif
-- The script of an extension runs as the superuser and resolves names in the schema of the extension, so a script that can
-- run anywhere gets an empty schema of the superuser.
SELECT :'nself_superuser'::bool AND :'nself_moves'::bool AS nself_needs_empty_schema \gset
-- A schema of the project belongs to the owner of the database. The server creates the schema that an extension fixes.
\if :nself_has_schema
\else
SELECT format('CREATE SCHEMA %I AUTHORIZATION %I', :'nself_schema', r.rolname) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
 WHERE d.datname = current_database() AND NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = :'nself_schema') \gexec
\endif
\if :nself_lacks
BEGIN;
\if :nself_has_schema
@TRUSTED_SCHEMA@
CREATE EXTENSION :"nself_extension" VERSION :'nself_version';
SELECT format('GRANT USAGE ON SCHEMA cron TO %I', r.rolname) FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
 WHERE d.datname = current_database() AND :'nself_extension' = 'pg_cron' \gexec
\elif :nself_needs_empty_schema
CREATE SCHEMA nself_extension;
CREATE EXTENSION :"nself_extension" SCHEMA nself_extension VERSION :'nself_version';
ALTER EXTENSION :"nself_extension" SET SCHEMA :"nself_schema";
DROP SCHEMA nself_extension;
\else
@TRUSTED_SCHEMA@
CREATE EXTENSION :"nself_extension" SCHEMA :"nself_schema" VERSION :'nself_version';
\endif
COMMIT;
\else
BEGIN;
\if :nself_is_elsewhere
DO $$ DECLARE place text; BEGIN
  SELECT n.nspname INTO place FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
   WHERE e.extname = current_setting('nself.extension') AND NOT e.extrelocatable;
  IF place IS NOT NULL THEN
    RAISE EXCEPTION 'nself: PostgreSQL cannot move the extension % from the schema % to %; keep its schema in the definition, or drop the extension and all that uses it first',
      current_setting('nself.extension'), place, current_setting('nself.schema');
  END IF;
END $$;
ALTER EXTENSION :"nself_extension" SET SCHEMA :"nself_schema";
\endif
\if :nself_is_different
\if :nself_needs_empty_schema
CREATE SCHEMA nself_extension;
ALTER EXTENSION :"nself_extension" SET SCHEMA nself_extension;
ALTER EXTENSION :"nself_extension" UPDATE TO :'nself_version';
ALTER EXTENSION :"nself_extension" SET SCHEMA :"nself_schema";
DROP SCHEMA nself_extension;
\else
@TRUSTED_SCHEMA@
ALTER EXTENSION :"nself_extension" UPDATE TO :'nself_version';
\endif
\endif
COMMIT;
\endif
