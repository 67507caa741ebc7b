-- Whatever the session, the database or its collation: the same catalog has the same digest.
CREATE FUNCTION pg_temp.nself_catalog() RETURNS text LANGUAGE sql SET search_path = public @PRINTED@ AS $catalog$
SELECT md5(string_agg(fact, E'\n' ORDER BY fact COLLATE "C")) FROM (
@CATALOG@
) AS facts (fact)
$catalog$;
