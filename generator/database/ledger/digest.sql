-- Whatever the session, the database or its collation: on servers of one major version, the same catalog has the same digest.
CREATE FUNCTION pg_temp.nself_catalog() RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp @PRINTED@ AS $catalog$
SELECT (current_setting('server_version_num')::int / 10000) || ':' || md5(string_agg(fact, E'\n' ORDER BY fact COLLATE "C")) FROM (
@CATALOG@
) AS facts (fact)
$catalog$;
