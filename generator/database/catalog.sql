-- Describes all objects of a database, one line for each fact. Equal objects have an equal description, regardless of
-- the order of their creation. Objects of extensions, of the schema `nself` and of schemas that services own are omitted.
-- Numbers of objects that a server creates when it is initialized are below 16384.
WITH
-- Roles of services, except for those that only read or write the rows of the definition.
service AS (
  @SCHEMA_OWNERS@
),
space AS (
  SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace
   WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'nself')
     AND (nspname = 'public' OR nspowner NOT IN (SELECT oid FROM service))
),
part AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'),
rel AS (
  SELECT c.*, s.nspname FROM pg_catalog.pg_class c JOIN space s ON s.oid = c.relnamespace
   WHERE c.oid >= 16384
     AND (('pg_catalog.pg_class'::pg_catalog.regclass)::pg_catalog.oid, c.oid) NOT IN (SELECT classid, objid FROM part)
),
typ AS (
  SELECT t.*, s.nspname FROM pg_catalog.pg_type t JOIN space s ON s.oid = t.typnamespace
   WHERE t.oid >= 16384
     AND (('pg_catalog.pg_type'::pg_catalog.regclass)::pg_catalog.oid, t.oid) NOT IN (SELECT classid, objid FROM part)
),
fun AS (
  SELECT p.*, s.nspname FROM pg_catalog.pg_proc p JOIN space s ON s.oid = p.pronamespace
   WHERE p.oid >= 16384
     AND (('pg_catalog.pg_proc'::pg_catalog.regclass)::pg_catalog.oid, p.oid) NOT IN (SELECT classid, objid FROM part)
),
col AS (
  SELECT a.*, nspname, relname, relkind, relowner, relispartition FROM rel JOIN pg_catalog.pg_attribute a ON attrelid = rel.oid
   WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped
),
grants (kind, name, acl, owner) AS (
  SELECT 'schema', nspname::pg_catalog.text, nspacl, nspowner FROM space
  UNION ALL SELECT 'relation', nspname || '.' || relname, relacl, relowner FROM rel
  UNION ALL SELECT 'column', nspname || '.' || relname || '.' || attname, attacl, relowner FROM col
  UNION ALL SELECT 'function', nspname || '.' || proname,
    coalesce(proacl, pg_catalog.acldefault('f', proowner)), proowner FROM fun
  UNION ALL SELECT 'type', t.nspname || '.' || t.typname, coalesce(typacl, pg_catalog.acldefault('T', typowner)), typowner
    FROM typ t WHERE typtype IN ('e', 'd', 'r') OR (SELECT relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid)
),
fact (kind, name, what) AS (
  SELECT 'schema', nspname::pg_catalog.text, coalesce(pg_catalog.obj_description(oid, 'pg_namespace'), '') FROM space
  UNION ALL
  SELECT 'extension', extname::pg_catalog.text, '' FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'
  UNION ALL
  SELECT 'grant', g.kind || ' ' || g.name,
         coalesce(r.rolname, 'PUBLIC') || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' *' ELSE '' END
    FROM grants g, LATERAL pg_catalog.aclexplode(g.acl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
   WHERE a.grantee <> g.owner
  UNION ALL
  SELECT 'default privilege', coalesce(s.nspname, '*'),
         d.defaclobjtype::pg_catalog.text || ' ' || coalesce(r.rolname, 'PUBLIC') || ' ' || a.privilege_type
    FROM pg_catalog.pg_default_acl d LEFT JOIN space s ON s.oid = d.defaclnamespace,
         LATERAL pg_catalog.aclexplode(d.defaclacl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
   WHERE a.grantee <> d.defaclrole AND (d.defaclnamespace = 0 OR s.oid IS NOT NULL) AND d.defaclrole NOT IN (SELECT oid FROM service)
  UNION ALL
  SELECT 'enum', t.nspname || '.' || t.typname,
         (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(enumlabel), ',' ORDER BY enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
    FROM typ t WHERE typtype = 'e'
  UNION ALL
  SELECT 'domain', t.nspname || '.' || t.typname,
         pg_catalog.concat_ws(' ', pg_catalog.format_type(typbasetype, typtypmod), typnotnull, pg_catalog.pg_get_expr(typdefaultbin, 0),
           CASE WHEN typcollation <> (SELECT b.typcollation FROM pg_catalog.pg_type b WHERE b.oid = t.typbasetype)
             THEN typcollation::pg_catalog.regcollation::pg_catalog.text END)
    FROM typ t WHERE typtype = 'd'
  UNION ALL
  SELECT 'range', t.nspname || '.' || t.typname,
         pg_catalog.concat_ws(' ', pg_catalog.format_type(rngsubtype, NULL), (SELECT opcname FROM pg_catalog.pg_opclass o WHERE o.oid = rngsubopc),
           CASE WHEN rngcollation <> (SELECT b.typcollation FROM pg_catalog.pg_type b WHERE b.oid = rngsubtype)
             THEN rngcollation::pg_catalog.regcollation::pg_catalog.text END,
           rngsubdiff::pg_catalog.regproc, pg_catalog.format_type(rngmultitypid, NULL))
    FROM typ t JOIN pg_catalog.pg_range ON rngtypid = t.oid
  UNION ALL
  SELECT 'comment', 'type ' || t.nspname || '.' || t.typname, pg_catalog.obj_description(t.oid, 'pg_type')
    FROM typ t WHERE pg_catalog.obj_description(t.oid, 'pg_type') IS NOT NULL
  UNION ALL
  SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
           WHEN 'c' THEN 'composite' ELSE relkind::pg_catalog.text END,
         nspname || '.' || relname,
         pg_catalog.concat_ws(' ', relpersistence, relrowsecurity, relforcerowsecurity,
           -- The order of options does not matter, nor whether a view spells one `on` or `true`.
           (SELECT pg_catalog.string_agg(CASE WHEN relkind = 'v' THEN pg_catalog.regexp_replace(o, '=(on|yes|1)$', '=true') ELSE o END, ',' ORDER BY o)
              FROM pg_catalog.unnest(reloptions) o WHERE relkind <> 'v' OR o !~ '^security_(invoker|barrier)=(false|off|no|0)$'),
           CASE WHEN relkind IN ('r', 'p') AND relreplident <> 'd' THEN 'identity ' || relreplident::pg_catalog.text END,
           (SELECT relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
             WHERE i.indrelid = rel.oid AND i.indisreplident AND rel.relreplident = 'i'),
           pg_catalog.pg_get_partkeydef(CASE WHEN relkind = 'p' THEN rel.oid END), pg_catalog.pg_get_expr(relpartbound, rel.oid),
           CASE WHEN relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(rel.oid) END)
    FROM rel WHERE relkind IN ('r', 'p', 'v', 'm', 'c', 'f')
  UNION ALL
  SELECT 'comment', 'relation ' || nspname || '.' || relname, pg_catalog.obj_description(rel.oid, 'pg_class')
    FROM rel WHERE pg_catalog.obj_description(rel.oid, 'pg_class') IS NOT NULL
  UNION ALL
  SELECT 'partition', n.nspname || '.' || c.relname, rel.nspname || '.' || rel.relname
    FROM pg_catalog.pg_inherits i JOIN rel ON rel.oid = i.inhparent AND rel.relkind = 'p'
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN space n ON n.oid = c.relnamespace
  UNION ALL
  SELECT 'column', nspname || '.' || relname || '.' || attname,
         pg_catalog.concat_ws(' ', pg_catalog.format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
           -- In a composite type, the order of the columns is part of the type.
           CASE WHEN relkind = 'c' THEN (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute o
             WHERE o.attrelid = col.attrelid AND o.attnum BETWEEN 1 AND col.attnum AND NOT o.attisdropped) END,
           CASE WHEN attcollation <> t.typcollation THEN coalesce(
             (SELECT collname::pg_catalog.text FROM pg_catalog.pg_collation o WHERE o.oid = attcollation
                 AND o.collnamespace = 'pg_catalog'::pg_catalog.regnamespace),
             attcollation::pg_catalog.regcollation::pg_catalog.text) END,
           pg_catalog.pg_get_expr(adbin, adrelid), pg_catalog.col_description(attrelid, attnum))
    FROM col JOIN pg_catalog.pg_type t ON t.oid = atttypid
    LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
   WHERE relkind IN ('r', 'p', 'v', 'm', 'c', 'f')
  UNION ALL
  SELECT 'statistics', nspname || '.' || relname || '.' || attname, attstattarget::pg_catalog.text FROM col
   WHERE attstattarget >= 0 AND NOT (relkind IN ('i', 'I') AND relispartition)
  UNION ALL
  SELECT 'column options', nspname || '.' || relname || '.' || attname, o
    FROM col, LATERAL pg_catalog.unnest(attoptions) o
   WHERE relkind IN ('r', 'p') AND o LIKE 'n\_distinct%'
  UNION ALL
  SELECT 'storage', nspname || '.' || relname || '.' || attname,
         pg_catalog.concat_ws(' ', CASE WHEN attstorage <> typstorage THEN attstorage END, nullif(attcompression, ''))
    FROM col JOIN pg_catalog.pg_type t ON t.oid = atttypid
   WHERE relkind IN ('r', 'p') AND (attstorage <> typstorage OR attcompression <> '')
  UNION ALL
  SELECT 'constraint', coalesce(rel.nspname || '.' || rel.relname, t.nspname || '.' || t.typname) || '.' || conname,
         pg_catalog.concat_ws(' ', pg_catalog.pg_get_constraintdef(c.oid) || CASE WHEN convalidated THEN '' ELSE ' not valid' END,
           pg_catalog.obj_description(c.oid, 'pg_constraint'))
    FROM pg_catalog.pg_constraint c LEFT JOIN rel ON rel.oid = conrelid LEFT JOIN typ t ON t.oid = contypid
   WHERE contype <> 'n' AND (rel.oid IS NOT NULL OR t.oid IS NOT NULL) AND contype <> 't' AND conparentid = 0
  UNION ALL
  SELECT 'index', rel.nspname || '.' || rel.relname,
         -- The order of storage parameters does not matter.
         pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(indexrelid), ' WITH \(([a-z_.]+=(''[^'']*''|[^ ,)'']+)(, )?)+\)', '')
           || coalesce((SELECT ' with ' || pg_catalog.string_agg(p, ',' ORDER BY p) FROM pg_catalog.unnest(rel.reloptions) p), '')
           || CASE WHEN indisvalid THEN '' ELSE ' invalid' END
    FROM pg_catalog.pg_index JOIN rel ON rel.oid = indexrelid JOIN pg_catalog.pg_class o ON o.oid = indrelid
   WHERE o.relkind <> 't' AND NOT rel.relispartition
  UNION ALL
  SELECT 'trigger', rel.nspname || '.' || rel.relname || '.' || tgname,
         pg_catalog.concat_ws(' ', tgenabled, pg_catalog.pg_get_triggerdef(g.oid), pg_catalog.obj_description(g.oid, 'pg_trigger'))
    FROM pg_catalog.pg_trigger g JOIN rel ON rel.oid = tgrelid WHERE NOT tgisinternal
     -- Hasura creates triggers on the tables of its events.
     AND NOT (tgname LIKE 'notify\_hasura\_%' AND EXISTS (
       SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
        WHERE f.oid = tgfoid AND n.nspname = 'hdb_catalog'))
  UNION ALL
  SELECT 'policy', rel.nspname || '.' || rel.relname || '.' || polname,
         pg_catalog.concat_ws(' ', polcmd, polpermissive,
           (SELECT pg_catalog.string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(r) END, ',' ORDER BY
              CASE WHEN r = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(r) END) FROM pg_catalog.unnest(polroles) r),
           pg_catalog.pg_get_expr(polqual, polrelid), '/', pg_catalog.pg_get_expr(polwithcheck, polrelid),
           pg_catalog.obj_description(p.oid, 'pg_policy'))
    FROM pg_catalog.pg_policy p JOIN rel ON rel.oid = polrelid
  UNION ALL
  SELECT 'function', nspname || '.' || proname || '(' || pg_catalog.pg_get_function_identity_arguments(fun.oid) || ')',
         pg_catalog.pg_get_functiondef(fun.oid) || ' ' || coalesce(pg_catalog.obj_description(fun.oid, 'pg_proc'), '')
    FROM fun WHERE prokind IN ('f', 'p')
  UNION ALL
  SELECT 'aggregate', nspname || '.' || proname || '(' || pg_catalog.pg_get_function_identity_arguments(fun.oid) || ')',
         pg_catalog.concat_ws(' ', aggkind, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn,
           aggmfinalfn, aggfinalextra, aggmfinalextra, aggfinalmodify, aggmfinalmodify, aggsortop::pg_catalog.regoperator,
           pg_catalog.format_type(aggtranstype, NULL), aggtransspace, pg_catalog.format_type(aggmtranstype, NULL), aggmtransspace,
           pg_catalog.quote_nullable(agginitval), pg_catalog.quote_nullable(aggminitval), proparallel,
           pg_catalog.obj_description(fun.oid, 'pg_proc'))
    FROM fun JOIN pg_catalog.pg_aggregate ON aggfnoid = fun.oid
  UNION ALL
  SELECT 'operator', nspname || '.' || oprname || '(' || pg_catalog.format_type(oprleft, NULL) || ',' || pg_catalog.format_type(oprright, NULL) || ')',
         pg_catalog.concat_ws(' ', pg_catalog.format_type(oprresult, NULL), oprcode, oprcom::pg_catalog.regoperator,
           oprnegate::pg_catalog.regoperator, oprcanmerge, oprcanhash, oprrest, oprjoin, pg_catalog.obj_description(o.oid, 'pg_operator'))
    FROM pg_catalog.pg_operator o JOIN space s ON s.oid = oprnamespace
   WHERE oprcode <> 0 AND ('pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid, o.oid) NOT IN (SELECT classid, objid FROM part)
  UNION ALL
  SELECT 'cast', pg_catalog.format_type(castsource, NULL) || ' ' || pg_catalog.format_type(casttarget, NULL),
         pg_catalog.concat_ws(' ', castfunc::pg_catalog.regprocedure, castcontext, castmethod, pg_catalog.obj_description(c.oid, 'pg_cast'))
    FROM pg_catalog.pg_cast c
   WHERE c.oid >= 16384 AND ('pg_catalog.pg_cast'::pg_catalog.regclass::pg_catalog.oid, c.oid) NOT IN (SELECT classid, objid FROM part)
  UNION ALL
  -- The names of the columns that describe a collation differ between versions of the server.
  SELECT 'collation', nspname || '.' || collname,
         (pg_catalog.to_jsonb(c) - '{oid,collname,collnamespace,collowner,collencoding,collversion}'::pg_catalog.text[])::pg_catalog.text
           || coalesce(pg_catalog.obj_description(c.oid, 'pg_collation'), '')
    FROM pg_catalog.pg_collation c JOIN space s ON s.oid = collnamespace
   WHERE ('pg_catalog.pg_collation'::pg_catalog.regclass::pg_catalog.oid, c.oid) NOT IN (SELECT classid, objid FROM part)
  UNION ALL
  SELECT 'extended statistics', nspname || '.' || stxname,
         pg_catalog.concat_ws(' ', stxkind, stxrelid::pg_catalog.regclass,
           (SELECT pg_catalog.string_agg(attname, ',' ORDER BY attname) FROM pg_catalog.pg_attribute WHERE attrelid = stxrelid AND attnum = ANY (stxkeys)),
           pg_catalog.pg_get_statisticsobjdef_expressions(x.oid), nullif(stxstattarget, -1), pg_catalog.obj_description(x.oid, 'pg_statistic_ext'))
    FROM pg_catalog.pg_statistic_ext x JOIN space s ON s.oid = stxnamespace
  UNION ALL
  SELECT 'rule', rel.nspname || '.' || rel.relname || '.' || rulename,
         pg_catalog.concat_ws(' ', ev_enabled, pg_catalog.pg_get_ruledef(r.oid), pg_catalog.obj_description(r.oid, 'pg_rewrite'))
    FROM pg_catalog.pg_rewrite r JOIN rel ON rel.oid = ev_class WHERE rulename <> '_RETURN'
  UNION ALL
  SELECT 'publication', pubname::pg_catalog.text,
         pg_catalog.concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
           (SELECT pg_catalog.string_agg(t.schemaname || '.' || t.tablename || ' ' || coalesce((SELECT pg_catalog.string_agg(n, ',' ORDER BY n) FROM pg_catalog.unnest(t.attnames) n), '') || ' ' || coalesce(t.rowfilter, ''), ', '
                     ORDER BY t.schemaname, t.tablename) FROM pg_catalog.pg_publication_tables t WHERE t.pubname = p.pubname),
           pg_catalog.obj_description(p.oid, 'pg_publication'))
    FROM pg_catalog.pg_publication p
   -- A definition cannot have a publication of all tables or of a schema.
   WHERE NOT puballtables AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_namespace WHERE pnpubid = p.oid)
  UNION ALL
  SELECT 'text search dictionary', nspname || '.' || dictname,
         pg_catalog.concat_ws(' ', (SELECT tmplname FROM pg_catalog.pg_ts_template WHERE oid = dicttemplate), dictinitoption,
           pg_catalog.obj_description(d.oid, 'pg_ts_dict'))
    FROM pg_catalog.pg_ts_dict d JOIN space s ON s.oid = dictnamespace
   WHERE ('pg_catalog.pg_ts_dict'::pg_catalog.regclass::pg_catalog.oid, d.oid) NOT IN (SELECT classid, objid FROM part)
  UNION ALL
  SELECT 'text search configuration', nspname || '.' || cfgname,
         pg_catalog.concat_ws(' ', (SELECT prsname FROM pg_catalog.pg_ts_parser WHERE oid = cfgparser),
           (SELECT pg_catalog.string_agg(pg_catalog.concat_ws('-', maptokentype, mapseqno, mapdict::pg_catalog.regdictionary), ',' ORDER BY maptokentype, mapseqno)
              FROM pg_catalog.pg_ts_config_map WHERE mapcfg = c.oid),
           pg_catalog.obj_description(c.oid, 'pg_ts_config'))
    FROM pg_catalog.pg_ts_config c JOIN space s ON s.oid = cfgnamespace
   WHERE ('pg_catalog.pg_ts_config'::pg_catalog.regclass::pg_catalog.oid, c.oid) NOT IN (SELECT classid, objid FROM part)
  UNION ALL
  SELECT 'sequence', rel.nspname || '.' || rel.relname,
         pg_catalog.concat_ws(' ', seqtypid::pg_catalog.regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)
    FROM pg_catalog.pg_sequence JOIN rel ON rel.oid = seqrelid
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = seqrelid AND d.deptype = 'i')
  UNION ALL
  SELECT 'owned', rel.nspname || '.' || rel.relname, o.relname || '.' || attname
    FROM pg_catalog.pg_depend d JOIN rel ON rel.oid = d.objid AND rel.relkind = 'S' JOIN pg_catalog.pg_class o ON o.oid = refobjid
    JOIN pg_catalog.pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
   WHERE d.deptype = 'a' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT kind || E'\t' || name || E'\t' || pg_catalog.replace(coalesce(what, ''), E'\n', ' ') FROM fact ORDER BY 1
