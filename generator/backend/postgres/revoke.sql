-- Takes back what an earlier generation granted to these roles and the stack no longer grants. The comment on a role
-- records what this job granted. Rights from elsewhere, and roles that the stack does not name, are left alone.
DO $nself$
DECLARE
  wanted record;
  lost record;
  column_grants text;
  recorded jsonb;
  earlier jsonb;
BEGIN
  FOR wanted IN
    SELECT r.oid, r.rolname, w.value AS rights, shobj_description(r.oid, 'pg_authid') AS comment
      FROM jsonb_each(current_setting('nself.rights')::jsonb) w JOIN pg_roles r ON r.rolname = w.key
     ORDER BY w.key
  LOOP
    BEGIN
      recorded := CASE WHEN wanted.comment LIKE 'nself: {%' THEN substr(wanted.comment, 8) ELSE '{}' END;
    EXCEPTION WHEN invalid_text_representation THEN
      recorded := '{}';
    END;
    earlier := coalesce(recorded -> current_database()::text, '[]');
    CONTINUE WHEN earlier = wanted.rights;
    FOR lost IN
      WITH rule (level, kind, privilege, for_new) AS (
        SELECT level, kind, privilege, level NOT IN ('owner', 'use') FROM (VALUES
          ('{connect}', 'DATABASE', '{CONNECT}'),
          ('{everything}', 'DATABASE', '{TEMPORARY}'),
          ('{owner}', 'SCHEMA', '{USAGE,CREATE}'),
          ('{use,read,write,everything,other,referenced}', 'SCHEMA', '{USAGE}'),
          ('{read}', 'TABLE', '{SELECT}'),
          ('{write,everything,other,referenced}', 'TABLE', '{SELECT,INSERT,UPDATE,DELETE}'),
          ('{referenced}', 'TABLE', '{REFERENCES,TRIGGER}'),
          ('{write,everything,other,referenced}', 'SEQUENCE', '{USAGE,SELECT}')
        ) AS r (levels, kind, privileges), unnest(levels::text[]) level, unnest(privileges::text[]) privilege
      ),
      granted (is_wanted, kind, privilege, for_new, space, owner) AS (
        SELECT is_wanted, kind, privilege, for_new, split_part(entry, ' ', 2), split_part(entry, ' ', 3)
          FROM (SELECT false, entry FROM jsonb_array_elements_text(earlier) entry
                UNION ALL SELECT true, entry FROM jsonb_array_elements_text(wanted.rights) entry) AS e (is_wanted, entry)
          JOIN rule ON level = split_part(entry, ' ', 1)
      ),
      -- Every privilege of the role in this database, with the statement that revokes it.
      held (kind, privilege, for_new, space, owner, object, relation, statement) AS (
        SELECT 'DATABASE', privilege_type, false, '', '', '', NULL::oid,
               format('REVOKE %s ON DATABASE %I FROM %I', privilege_type, datname, wanted.rolname)
          FROM pg_database, aclexplode(datacl)
         WHERE datname = current_database() AND grantee = wanted.oid AND datdba <> grantee AND NOT is_grantable
        UNION ALL
        SELECT 'SCHEMA', privilege_type, false, nspname, pg_get_userbyid(nspowner), nspname, NULL,
               format('REVOKE %s ON SCHEMA %I FROM %I', privilege_type, nspname, wanted.rolname)
          FROM pg_namespace, aclexplode(nspacl)
         WHERE grantee = wanted.oid AND nspowner <> grantee AND NOT is_grantable
        UNION ALL
        SELECT k.kind, privilege_type, false, nspname, pg_get_userbyid(nspowner), format('%I.%I', nspname, relname), c.oid,
               format('REVOKE %s ON %s %I.%I FROM %I', privilege_type, k.kind, nspname, relname, wanted.rolname)
          FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace, aclexplode(relacl),
               LATERAL (SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END) AS k (kind)
         WHERE grantee = wanted.oid AND relowner <> grantee AND NOT is_grantable
        UNION ALL
        SELECT k.kind, privilege_type, true, coalesce(nspname, '*'), pg_get_userbyid(defaclrole), coalesce(nspname, '*'), NULL,
               format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON %sS FROM %I', pg_get_userbyid(defaclrole),
                      ' IN SCHEMA ' || quote_ident(nspname), privilege_type, k.kind, wanted.rolname)
          FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace, aclexplode(defaclacl),
               LATERAL (SELECT CASE defaclobjtype WHEN 'r' THEN 'TABLE' WHEN 'S' THEN 'SEQUENCE' WHEN 'n' THEN 'SCHEMA' END) AS k (kind)
         WHERE grantee = wanted.oid AND defaclrole <> grantee AND NOT is_grantable
      ),
      covered AS (
        SELECT h.*, g.is_wanted FROM held h JOIN granted g ON g.kind = h.kind AND g.privilege = h.privilege
         WHERE h.kind = 'DATABASE' OR g.space = h.space AND NOT h.for_new
            OR g.space = '*' AND NOT h.for_new AND (h.space = 'public' OR h.owner = g.owner AND h.space <> 'nself')
            OR h.for_new AND g.for_new AND g.space = h.space AND g.owner = h.owner
      )
      SELECT privilege, relation, statement FROM covered h
       WHERE NOT EXISTS (
         -- What the definition of the database grants belongs to the migrations.
         SELECT FROM jsonb_array_elements(current_setting('nself.declared')::jsonb) d
          WHERE d ->> 0 = wanted.rolname AND d ->> 1 = h.kind AND d ->> 2 = h.privilege AND (d ->> 3)::bool = h.for_new
            AND (d ->> 4 = h.object OR to_regclass(CASE WHEN NOT h.for_new AND h.kind <> 'SCHEMA' THEN d ->> 4 END) = h.relation))
       GROUP BY privilege, relation, statement HAVING NOT bool_or(is_wanted) ORDER BY statement
    LOOP
      -- Revoking a privilege on a table also revokes it on single columns, which this job never grants.
      column_grants := (
        SELECT string_agg(format('; GRANT %s (%I) ON TABLE %s TO %I%s', privilege_type, attname, lost.relation::regclass,
                                 wanted.rolname, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END), '' ORDER BY attnum)
          FROM pg_attribute, aclexplode(attacl)
         WHERE attrelid = lost.relation AND NOT attisdropped AND grantee = wanted.oid AND privilege_type = lost.privilege);
      EXECUTE lost.statement || coalesce(column_grants, '');
    END LOOP;
    IF earlier @> '"monitor - -"' AND NOT current_setting('nself.monitors')::jsonb ? wanted.rolname THEN
      EXECUTE format('REVOKE pg_monitor FROM %I', wanted.rolname);
    END IF;
    recorded := recorded - current_database()::text;
    IF wanted.rights <> '[]' THEN
      recorded := recorded || jsonb_build_object(current_database(), wanted.rights);
    END IF;
    EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.rolname, 'nself: ' || recorded::text);
  END LOOP;
END $nself$;
