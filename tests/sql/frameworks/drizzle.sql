CREATE SCHEMA "app";
--> statement-breakpoint
CREATE TYPE "public"."status" AS ENUM('open', 'closed');--> statement-breakpoint
CREATE TYPE "app"."kind" AS ENUM('a', 'b');--> statement-breakpoint
CREATE SEQUENCE "public"."ticket_no" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1000 CACHE 1;--> statement-breakpoint
CREATE TABLE IF NOT EXISTS "users" ("id" serial PRIMARY KEY NOT NULL,"uid" uuid DEFAULT gen_random_uuid() NOT NULL,"name" varchar(256),"email" text NOT NULL,"status" "status" DEFAULT 'open' NOT NULL,"created_at" timestamp DEFAULT now() NOT NULL,"at" timestamp (3) with time zone,"loc" point,"ln" line,"emb" real[],"geo" double precision[][],"meta" jsonb DEFAULT '{}'::jsonb,"mac" macaddr8,"n" numeric(100, 20) DEFAULT '0',"active" boolean DEFAULT true,"iv" interval day to second (3),"b" bit(3), CONSTRAINT "users_email_unique" UNIQUE("email"),CONSTRAINT "age_check" CHECK ("users"."id" > 21));--> statement-breakpoint
CREATE TABLE "app"."items" ("id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "app"."items_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),"user_id" integer NOT NULL,"kind" "app"."kind","kinds" "app"."kind"[] DEFAULT '{}'::"app"."kind"[], "gen" text GENERATED ALWAYS AS ("id"::text || 'x') STORED);--> statement-breakpoint
CREATE TABLE "user_to_groups" ("user_id" integer NOT NULL,"group_id" integer NOT NULL,CONSTRAINT "user_to_groups_user_id_group_id_pk" PRIMARY KEY("user_id","group_id"));--> statement-breakpoint
CREATE TABLE "groups" ("id" bigserial PRIMARY KEY NOT NULL,"name" char(10),"year" integer, "second" integer, "over" boolean, "filter" text);--> statement-breakpoint
CREATE TABLE "audit" ("id" smallserial PRIMARY KEY NOT NULL, "who" integer, "what" text NOT NULL, "when" timestamp with time zone DEFAULT now());--> statement-breakpoint
CREATE TABLE "rls" ("id" integer, "owner" text);--> statement-breakpoint
ALTER TABLE "rls" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
DO $$ BEGIN
 ALTER TABLE "app"."items" ADD CONSTRAINT "items_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;
--> statement-breakpoint
ALTER TABLE "user_to_groups" ADD CONSTRAINT "utg_user_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX IF NOT EXISTS "email_idx" ON "users" USING btree (lower("email"));--> statement-breakpoint
CREATE INDEX "name_idx" ON "users" USING btree ("name" DESC NULLS LAST,"status" asc) WHERE "users"."active" is true;--> statement-breakpoint
CREATE INDEX "grp" ON "groups" ("year","second") WITH (fillfactor=70);--> statement-breakpoint
CREATE VIEW "public"."open_users" AS (select "id", "name", "email" as "mail" from "users" where "users"."status" = 'open');--> statement-breakpoint
CREATE VIEW "public"."by_year" WITH (security_barrier = true) AS (select "year", count(*) filter (where "over") as "filter", max("groups"."second") as "second" from "groups" group by "groups"."year");--> statement-breakpoint
CREATE MATERIALIZED VIEW "public"."mv" AS (select "user_id", count(*)::int as "count" from "user_to_groups" group by "user_id");--> statement-breakpoint
CREATE POLICY "own" ON "rls" AS PERMISSIVE FOR ALL TO public USING ("rls"."owner" = current_user) WITH CHECK (true);--> statement-breakpoint
ALTER TABLE "users" ALTER COLUMN "uid" SET DATA TYPE text USING "uid"::text;--> statement-breakpoint
ALTER TYPE "public"."status" ADD VALUE 'pending' BEFORE 'closed';--> statement-breakpoint
ALTER TABLE "groups" RENAME COLUMN "name" TO "title";
