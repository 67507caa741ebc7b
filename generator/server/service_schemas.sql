-- The schemas that belong to roles of services, as patterns of pg_dump. The setup job records in a comment what it grants to
-- the role of a service.
SELECT '"' || pg_catalog.replace(nspname::pg_catalog.text, '"', '""') || '"' FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = nspowner
 WHERE nspname <> 'public' AND pg_catalog.shobj_description(r.oid, 'pg_authid') LIKE 'nself: {%'
   AND r.oid <> (SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
 ORDER BY 1;
