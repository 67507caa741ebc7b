CREATE FUNCTION pg_temp.nself_catalog() RETURNS text LANGUAGE sql AS $catalog$
SELECT md5(string_agg(fact, E'\n' ORDER BY fact)) FROM (
@CATALOG@
) AS facts (fact)
$catalog$;
