SELECT oid, rolname, pg_catalog.split_part(pg_catalog.split_part(pg_catalog.shobj_description(oid, 'pg_authid'),
         '"' || pg_catalog.current_database()::pg_catalog.text || '": [', 2), ']', 1) AS entries
    FROM pg_catalog.pg_roles WHERE pg_catalog.shobj_description(oid, 'pg_authid') LIKE 'nself: {%'
