-- The digest depends only on the catalog and the server's major version, not on the session or the collation.
CREATE FUNCTION pg_temp.nself_catalog() RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp @PRINTED@ AS $catalog$
SELECT (current_setting('server_version_num')::int / 10000) || ':' || md5(string_agg(fact, E'\n' ORDER BY fact COLLATE "C")) FROM (
@CATALOG@
) AS facts (fact)
$catalog$;
