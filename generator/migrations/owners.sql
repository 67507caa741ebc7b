-- The roles that own objects of a database. Objects of extensions, of nself and in schemas of services do not count.
WITH service_roles AS (
  @SCHEMA_OWNERS@
), user_schemas AS (
  SELECT oid, nspname, nspowner FROM pg_catalog.pg_namespace
   WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'nself')
     AND (nspname = 'public' OR nspowner NOT IN (SELECT oid FROM service_roles))
), extension_objects AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e')
SELECT DISTINCT pg_catalog.pg_get_userbyid(owner) FROM (
  SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, nspowner FROM user_schemas WHERE nspname <> 'public'
  UNION ALL
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid, relowner FROM pg_catalog.pg_class
   WHERE relnamespace IN (SELECT oid FROM user_schemas) AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  UNION ALL
  SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner FROM pg_catalog.pg_proc WHERE pronamespace IN (SELECT oid FROM user_schemas)
  UNION ALL
  SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner FROM pg_catalog.pg_type
   WHERE typnamespace IN (SELECT oid FROM user_schemas) AND typtype IN ('e', 'd', 'r')
) AS object (class, oid, owner)
WHERE (class, oid) NOT IN (SELECT classid, objid FROM extension_objects) ORDER BY 1;
