-- SQL of the project goes to the server as it is: psql reads none of it, and it cannot end the transaction around it.
CREATE FUNCTION pg_temp.nself_apply(file bytea) RETURNS void LANGUAGE plpgsql AS $apply$
BEGIN
  EXECUTE pg_catalog.convert_from(file, 'UTF8');
END $apply$;
