SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- back: the table np_links_links is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."np_links_links") THEN RAISE EXCEPTION 'np_links_links holds rows'; END IF; END $guard$;
DROP TABLE "public"."np_links_links";
