-- What the setup job granted in this database: role, level, schema and owner.
SELECT r.rolname || ' ' || entry
  FROM pg_catalog.pg_roles r,
       pg_catalog.jsonb_array_elements_text((CASE WHEN pg_catalog.shobj_description(r.oid, 'pg_authid') LIKE 'nself: {%'
         THEN pg_catalog.substr(pg_catalog.shobj_description(r.oid, 'pg_authid'), 8) ELSE '{}' END)::pg_catalog.jsonb
         -> pg_catalog.current_database()::pg_catalog.text) AS entry
 ORDER BY 1;
