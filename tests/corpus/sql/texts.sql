total >= 0
----
length(title) BETWEEN 1 AND 200
----
gen_random_uuid()
----
'it''s' || E'a\'b\\' || U&'d\0061t' || $q$ x ' $q$
----
CASE WHEN a IS NULL THEN 'x' WHEN b = ANY (ARRAY[1, 2, 3]) THEN 'y' ELSE c::text END
----
tenant_id = (nullif(current_setting('app.tenant_id', true), ''))::uuid
----
(price * quantity)::numeric(12,2) + coalesce(tax, 0.5e-3)
----
data #>> '{a,b}' = 'x' AND data -> 'c' @> '{"d": 1}'::jsonb
----
a[1:2] || b[3] AND NOT (c LIKE '%x!_%' ESCAPE '!')
----
EXISTS (SELECT 1 FROM orders o JOIN items i USING (id) WHERE o.id = x AND i.total > all (SELECT 2))
----
extract(epoch FROM now() AT TIME ZONE 'UTC') > 5 - -3
----
cast(x AS timestamp with time zone) IS DISTINCT FROM interval '1 day'
----
substring(name from 1 for 3) SIMILAR TO '(a|b)%' COLLATE "C"
----
row_number() OVER (PARTITION BY a ORDER BY b DESC NULLS LAST)
----
count(*) FILTER (WHERE x) > 1 OR (a, b) IN ((1, 2), (3, 4))
----
E'a'
'\'')); DROP TABLE keep; SELECT ((E'
----
x OPERATOR(pg_catalog.+) 1 IS NOT NULL
----
B'101' # X'1F'
----
MINVALUE
----
SELECT id, title FROM tickets WHERE state <> 'closed'
----
WITH a AS (SELECT 1 AS x UNION ALL SELECT 2) SELECT x FROM a ORDER BY x LIMIT 1
----
VALUES (1, 'a'), (2, 'b')
----
SETOF orders
----
TABLE (id bigint, name text)
----
numeric(12,2)[]
