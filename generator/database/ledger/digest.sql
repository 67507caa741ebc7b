-- The digest depends only on the catalog and the server's major version, not on the session or the collation.
CREATE FUNCTION pg_temp.nself_catalog() RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp @PRINTED@ AS $catalog$
SELECT (current_setting('server_version_num')::int / 10000) || ':' || md5(string_agg(fact, E'\n' ORDER BY fact COLLATE "C")) FROM (
@CATALOG@
) AS facts (fact)
-- The setup job creates extensions, and changes the rights of its roles when the stack does.
 WHERE fact NOT LIKE E'extension\t%'
   AND NOT (fact ~ '^(grant|default privilege)\t'
            AND EXISTS (SELECT FROM pg_roles r WHERE shobj_description(r.oid, 'pg_authid') LIKE 'nself: {%'
                           AND r.rolname = ANY (string_to_array(split_part(fact, E'\t', 3), ' '))))
$catalog$;
