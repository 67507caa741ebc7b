SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- back: the table np_flags_flags is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."np_flags_flags") THEN RAISE EXCEPTION 'np_flags_flags holds rows'; END IF; END $guard$;
DROP TABLE "public"."np_flags_flags";
