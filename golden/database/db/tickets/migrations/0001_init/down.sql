SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- back: tickets.tickets_author_fkey is new
ALTER TABLE "public"."tickets" DROP CONSTRAINT "tickets_author_fkey";

-- back: people.people_country_fkey is new
ALTER TABLE "public"."people" DROP CONSTRAINT "people_country_fkey";

-- back: the trigger tickets.tickets_touch
DROP TRIGGER "tickets_touch" ON "public"."tickets";

-- back: the policy tickets.tenant_isolation
DROP POLICY "tenant_isolation" ON "public"."tickets";

-- back: the policy tickets.tenant_access
DROP POLICY "tenant_access" ON "public"."tickets";

-- back: the policy people.tenant_isolation
DROP POLICY "tenant_isolation" ON "public"."people";

-- back: the policy people.tenant_access
DROP POLICY "tenant_access" ON "public"."people";

-- back: tickets: grants
REVOKE SELECT ON TABLE "public"."tickets" FROM "reports";

-- back: tickets: comment
COMMENT ON TABLE "public"."tickets" IS NULL;

-- back: tickets: row-level security
ALTER TABLE "public"."tickets" DISABLE ROW LEVEL SECURITY;
ALTER TABLE "public"."tickets" NO FORCE ROW LEVEL SECURITY;

-- back: tickets.tickets_words_idx is new
DROP INDEX "public"."tickets_words_idx";

-- back: tickets.tickets_tenant_id_idx is new
DROP INDEX "public"."tickets_tenant_id_idx";

-- back: tickets.tickets_open_idx is new
DROP INDEX "public"."tickets_open_idx";

-- back: people: row-level security
ALTER TABLE "public"."people" DISABLE ROW LEVEL SECURITY;
ALTER TABLE "public"."people" NO FORCE ROW LEVEL SECURITY;

-- back: countries: grants
REVOKE SELECT ON TABLE "public"."countries" FROM "reports";

-- back: the view open_tickets
DROP VIEW "public"."open_tickets";

-- back: the function find_tickets is new
DROP FUNCTION "public"."find_tickets"(text);

-- back: the table tickets is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."tickets") THEN RAISE EXCEPTION 'tickets holds rows'; END IF; END $guard$;
DROP TABLE "public"."tickets";

-- back: the table people is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."people") THEN RAISE EXCEPTION 'people holds rows'; END IF; END $guard$;
DROP TABLE "public"."people";

-- back: the table countries is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."countries") THEN RAISE EXCEPTION 'countries holds rows'; END IF; END $guard$;
DROP TABLE "public"."countries";

-- back: the function touch is new
DROP FUNCTION "public"."touch"();

-- back: the type ticket_state is new
DROP TYPE "public"."ticket_state";

-- back: the type hours is new
DROP DOMAIN "public"."hours";

-- back: the extension citext is new
DROP EXTENSION "citext";
