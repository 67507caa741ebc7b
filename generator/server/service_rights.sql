-- What the setup job granted in this database: role, level, schema and owner.
SELECT rolname || ' ' || entry FROM (
  @RECORDED_ROLES@
) AS r, pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.btrim(entries, '"'), '", "')) AS entry ORDER BY 1;
