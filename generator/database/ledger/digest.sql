-- The digest depends only on the catalog and the server's major version, not on the session or the collation.
CREATE FUNCTION pg_temp.nself_catalog() RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp @PRINTED@ AS $catalog$
SELECT (current_setting('server_version_num')::int / 10000) || ':' || md5(string_agg(fact, E'\n' ORDER BY fact COLLATE "C")) FROM (
@CATALOG@
) AS facts (fact)
-- The setup job creates extensions, and changes these rights of its roles when the stack does.
 WHERE fact NOT LIKE E'extension\t%'
   AND NOT EXISTS (
     SELECT FROM (
  @RECORDED_ROLES@
     ) AS r, unnest('{SELECT,INSERT,UPDATE,DELETE,REFERENCES,TRIGGER,USAGE}'::text[]) AS p (privilege),
                 LATERAL (SELECT split_part(fact, E'\t', 3), r.rolname || ' ' || privilege) AS f (what, granted)
      WHERE (fact LIKE E'grant\trelation %' AND what = granted
          OR fact LIKE E'grant\tschema %' AND what = r.rolname || ' USAGE'
          OR fact LIKE E'grant\tschema public\t%' AND what = r.rolname || ' CREATE'
          OR fact LIKE E'default privilege\t%' AND what IN ('r ' || granted, 'S ' || granted, 'n ' || granted)))
$catalog$;
