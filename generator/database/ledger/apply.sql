-- Runs SQL of the project on the server. psql does not parse it, so it cannot use psql's commands or end the
-- transaction around it.
CREATE FUNCTION pg_temp.nself_apply(file bytea) RETURNS void LANGUAGE plpgsql AS $apply$
BEGIN
  EXECUTE pg_catalog.convert_from(file, 'UTF8');
END $apply$;
