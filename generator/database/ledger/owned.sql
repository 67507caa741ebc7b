-- The owner of an object can change it regardless of the migrations, for example switch row security off.
DO $$ DECLARE other record; BEGIN
  SELECT pg_describe_object(o.class, o.id, 0) AS object, pg_get_userbyid(o.owner) AS owner INTO other FROM (
    SELECT 'pg_class'::regclass, oid, relowner, relnamespace FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, pronamespace FROM pg_proc
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprowner, oprnamespace FROM pg_operator
    UNION ALL SELECT 'pg_type'::regclass, oid, typowner, typnamespace FROM pg_type WHERE typtype IN ('e', 'd', 'r')
    UNION ALL SELECT 'pg_collation'::regclass, oid, collowner, collnamespace FROM pg_collation
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxowner, stxnamespace FROM pg_statistic_ext
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictowner, dictnamespace FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgowner, cfgnamespace FROM pg_ts_config
    -- A publication is in no schema.
    UNION ALL SELECT 'pg_publication'::regclass, oid, pubowner, 'public'::regnamespace::oid FROM pg_publication
  ) AS o (class, id, owner, space)
   WHERE o.owner <> (SELECT oid FROM pg_roles WHERE rolname = session_user)
     AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = o.owner)
     -- A service that has a schema here owns the objects in it.
     AND (SELECT nspname = 'public' OR nspowner = (SELECT oid FROM pg_roles WHERE rolname = session_user)
            FROM pg_namespace WHERE oid = o.space)
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.id AND d.deptype = 'e')
   ORDER BY 1 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'nself: the % belongs to %, not to the owner of the database; as the superuser: REASSIGN OWNED BY % TO %',
      other.object, other.owner, quote_ident(other.owner), quote_ident(session_user);
  END IF;
END $$;
