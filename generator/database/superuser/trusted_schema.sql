-- In a schema of a different role, the script could run that role's objects.
DO $$ DECLARE found text; BEGIN
  IF NOT current_setting('is_superuser')::bool THEN RETURN; END IF;
  SELECT n.nspname INTO found FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
   WHERE n.nspname = current_setting('nself.fixed_schema') AND NOT r.rolsuper;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'nself: the extension must be in the schema %, whose owner is not a superuser; rename the schema first', found;
  END IF;
  SELECT n.nspname || '.' || o.name INTO found FROM (
    SELECT p.proname, p.oid, p.proowner, 'pg_proc'::regclass, p.pronamespace FROM pg_proc p
     WHERE EXISTS (SELECT FROM pg_proc b WHERE b.pronamespace = 'pg_catalog'::regnamespace AND b.proname = p.proname)
    UNION ALL
    SELECT p.oprname, p.oid, p.oprowner, 'pg_operator'::regclass, p.oprnamespace FROM pg_operator p
     WHERE EXISTS (SELECT FROM pg_operator b WHERE b.oprnamespace = 'pg_catalog'::regnamespace AND b.oprname = p.oprname)
  ) AS o (name, id, owner, class, namespace) JOIN pg_namespace n ON n.oid = o.namespace
   WHERE n.nspname = current_setting('nself.schema')
     AND NOT (SELECT rolsuper FROM pg_roles r WHERE r.oid = o.owner)
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.id AND d.deptype = 'e')
   ORDER BY 1 LIMIT 1;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'nself: % has the name of a built-in object, and the script of an extension would use it; drop it first', found;
  END IF;
END $$;
