SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- the extension citext is new
CREATE EXTENSION IF NOT EXISTS "citext" SCHEMA public;

-- the type hours is new
CREATE DOMAIN "public"."hours" AS numeric(6,2) CONSTRAINT "hours_positive" CHECK (VALUE >= 0);

-- the type ticket_state is new
CREATE TYPE "public"."ticket_state" AS ENUM ('open', 'waiting', 'closed');

-- the function touch is new
CREATE FUNCTION "public"."touch"()
  RETURNS trigger
  LANGUAGE plpgsql VOLATILE SECURITY INVOKER
  AS $body$BEGIN
  NEW.title := btrim(NEW.title);
  RETURN NEW;
END$body$;

-- the table countries is new
CREATE TABLE "public"."countries" (
  "code" char(2) NOT NULL,
  "name" text NOT NULL,
  CONSTRAINT "countries_pkey" PRIMARY KEY ("code")
);

-- the table people is new
CREATE TABLE "public"."people" (
  "id" uuid DEFAULT (gen_random_uuid()) NOT NULL,
  "country" char(2),
  "email" "public"."citext" NOT NULL,
  "tenant_id" uuid NOT NULL,
  CONSTRAINT "people_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "people_email_key" UNIQUE ("tenant_id", "email"),
  CONSTRAINT "people_tenant_key" UNIQUE ("tenant_id", "id")
);

-- the table tickets is new
CREATE TABLE "public"."tickets" (
  "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  "author_id" uuid NOT NULL,
  "created_at" timestamptz DEFAULT (now()) NOT NULL,
  "spent" "public"."hours" DEFAULT (0) NOT NULL,
  "state" "public"."ticket_state" DEFAULT ('open') NOT NULL,
  "tenant_id" uuid NOT NULL,
  "title" text NOT NULL,
  "words" tsvector GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED,
  CONSTRAINT "tickets_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "tickets_title_check" CHECK (length(title) BETWEEN 1 AND 200)
);

-- the function find_tickets is new
CREATE FUNCTION "public"."find_tickets"("query" text)
  RETURNS SETOF tickets
  LANGUAGE sql STABLE SECURITY INVOKER
  AS $body$SELECT * FROM tickets WHERE words @@ websearch_to_tsquery('simple', query)$body$;

-- the view open_tickets
CREATE VIEW "public"."open_tickets" WITH (security_invoker = true) AS
SELECT id, title, created_at FROM tickets WHERE state <> 'closed';
GRANT SELECT ON TABLE "public"."open_tickets" TO "reports";

-- countries: grants
GRANT SELECT ON TABLE "public"."countries" TO "reports";

-- people: row-level security
ALTER TABLE "public"."people" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "public"."people" FORCE ROW LEVEL SECURITY;

-- tickets.tickets_open_idx is new
CREATE INDEX "tickets_open_idx" ON "public"."tickets" USING btree ("tenant_id", "created_at" DESC) WHERE (state <> 'closed');

-- tickets.tickets_tenant_id_idx is new
CREATE INDEX "tickets_tenant_id_idx" ON "public"."tickets" USING btree ("tenant_id");

-- tickets.tickets_words_idx is new
CREATE INDEX "tickets_words_idx" ON "public"."tickets" USING gin ("words");

-- tickets: row-level security
ALTER TABLE "public"."tickets" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "public"."tickets" FORCE ROW LEVEL SECURITY;

-- tickets: comment
COMMENT ON TABLE "public"."tickets" IS 'What people ask for.';

-- tickets: grants
GRANT SELECT ON TABLE "public"."tickets" TO "reports";

-- the policy people.tenant_access
CREATE POLICY "tenant_access" ON "public"."people" AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true);

-- the policy people.tenant_isolation
CREATE POLICY "tenant_isolation" ON "public"."people" AS RESTRICTIVE FOR ALL TO PUBLIC USING (tenant_id = (nullif(current_setting('app.tenant_id', true), ''))::uuid OR CURRENT_USER = 'hasura') WITH CHECK (tenant_id = (nullif(current_setting('app.tenant_id', true), ''))::uuid OR CURRENT_USER = 'hasura');

-- the policy tickets.tenant_access
CREATE POLICY "tenant_access" ON "public"."tickets" AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true);

-- the policy tickets.tenant_isolation
CREATE POLICY "tenant_isolation" ON "public"."tickets" AS RESTRICTIVE FOR ALL TO PUBLIC USING (tenant_id = (nullif(current_setting('app.tenant_id', true), ''))::uuid OR CURRENT_USER = 'hasura') WITH CHECK (tenant_id = (nullif(current_setting('app.tenant_id', true), ''))::uuid OR CURRENT_USER = 'hasura');

-- the trigger tickets.tickets_touch
CREATE TRIGGER "tickets_touch" BEFORE UPDATE OF "title" ON "public"."tickets" FOR EACH ROW EXECUTE FUNCTION "public"."touch"();

-- people.people_country_fkey is new
ALTER TABLE "public"."people" ADD CONSTRAINT "people_country_fkey" FOREIGN KEY ("country") REFERENCES "public"."countries" ("code") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- tickets.tickets_author_fkey is new
ALTER TABLE "public"."tickets" ADD CONSTRAINT "tickets_author_fkey" FOREIGN KEY ("tenant_id", "author_id") REFERENCES "public"."people" ("tenant_id", "id") ON DELETE CASCADE ON UPDATE NO ACTION;
