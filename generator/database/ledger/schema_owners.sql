SELECT oid FROM (
  @RECORDED_ROLES@
  ) AS r
   WHERE (entries !~ '"(read|write) ' OR entries ~ '"(use|everything) ')
     AND oid <> (SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
