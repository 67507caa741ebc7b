CREATE SCHEMA IF NOT EXISTS nself;
-- Triggers, rules and columns of other types could run code of other roles in this session.
DO $$ DECLARE me oid := (SELECT oid FROM pg_roles WHERE rolname = current_user); BEGIN
  IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nself' AND nspowner <> me)
     OR EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'nself'
                   AND (c.relowner <> me OR c.relkind NOT IN ('r', 'i') OR c.relhastriggers OR c.relhasrules OR c.relrowsecurity
                        OR (c.relkind = 'r' AND c.relname NOT IN ('ledger', 'catalog'))
                        OR EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
                        OR EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                                      AND t.typnamespace <> 'pg_catalog'::regnamespace)))
     OR EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'nself') THEN
    RAISE EXCEPTION 'nself: the schema nself has an object that the runner did not create; inspect it and drop it';
  END IF;
END $$;
CREATE TABLE IF NOT EXISTS nself.ledger (
  number integer PRIMARY KEY,
  name text NOT NULL UNIQUE,
  sum text NOT NULL,
  chain text NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'done')),
  at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS nself.catalog (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), digest text NOT NULL);
-- Default privileges may have granted access to other roles.
DO $$ DECLARE other text; BEGIN
  FOR other IN
    SELECT DISTINCT coalesce(quote_ident(r.rolname), 'PUBLIC')
      FROM (SELECT nspacl, nspowner FROM pg_namespace WHERE nspname = 'nself'
            UNION ALL SELECT relacl, relowner FROM pg_class WHERE relnamespace = 'nself'::regnamespace) AS held (acl, owner),
           LATERAL aclexplode(held.acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
     WHERE a.grantee <> held.owner AND NOT (a.grantee = 0 AND a.privilege_type IN ('SELECT', 'USAGE')) ORDER BY 1
  LOOP
    EXECUTE 'REVOKE ALL ON SCHEMA nself FROM ' || other;
    EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA nself FROM ' || other;
  END LOOP;
END $$;
-- Services wait for the last migration with a query by their own roles.
GRANT USAGE ON SCHEMA nself TO PUBLIC;
GRANT SELECT ON nself.ledger TO PUBLIC;
-- Major versions print the catalog differently, so a digest of a different version proves no change.
DELETE FROM nself.catalog WHERE split_part(digest, ':', 1) <> (current_setting('server_version_num')::int / 10000)::text;
