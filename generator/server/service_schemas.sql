-- The schemas that belong to roles of services, as patterns of pg_dump.
SELECT '"' || pg_catalog.replace(nspname::pg_catalog.text, '"', '""') || '"' FROM pg_catalog.pg_namespace
 WHERE nspname <> 'public' AND nspowner IN (
  @SCHEMA_OWNERS@
 ) ORDER BY 1;
