SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- back: tickets: grants
REVOKE SELECT ON TABLE "public"."tickets" FROM "reports";

-- back: the table tickets is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."tickets") THEN RAISE EXCEPTION 'tickets holds rows'; END IF; END $guard$;
DROP TABLE "public"."tickets";
