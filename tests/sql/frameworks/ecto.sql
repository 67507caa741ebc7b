CREATE TYPE public.oban_job_state AS ENUM ('available', 'scheduled', 'executing', 'retryable', 'completed', 'discarded', 'cancelled');
CREATE TABLE public.schema_migrations (version bigint NOT NULL, inserted_at timestamp(0) without time zone, CONSTRAINT schema_migrations_pkey PRIMARY KEY (version));
CREATE UNLOGGED TABLE public.oban_peers (name text NOT NULL, node text NOT NULL, started_at timestamp without time zone NOT NULL, expires_at timestamp without time zone NOT NULL, CONSTRAINT oban_peers_pkey PRIMARY KEY (name));
CREATE TABLE public.oban_jobs (id bigserial PRIMARY KEY, state public.oban_job_state DEFAULT 'available'::public.oban_job_state NOT NULL, queue text DEFAULT 'default'::text NOT NULL, worker text NOT NULL, args jsonb DEFAULT '{}'::jsonb NOT NULL, errors jsonb[] DEFAULT ARRAY[]::jsonb[] NOT NULL, attempt integer DEFAULT 0 NOT NULL, max_attempts integer DEFAULT 20 NOT NULL, inserted_at timestamp without time zone DEFAULT timezone('UTC'::text, now()) NOT NULL, attempted_by text[], priority integer DEFAULT 0 NOT NULL, tags character varying(255)[] DEFAULT ARRAY[]::character varying[], meta jsonb DEFAULT '{}'::jsonb, CONSTRAINT attempt_range CHECK (((attempt >= 0) AND (attempt <= max_attempts))), CONSTRAINT positive_max_attempts CHECK ((max_attempts > 0)), CONSTRAINT queue_length CHECK (((char_length(queue) > 0) AND (char_length(queue) < 128))));
COMMENT ON TABLE public.oban_jobs IS '11';
CREATE FUNCTION public.oban_jobs_notify() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  channel text;
BEGIN
  IF NEW.state = 'available' THEN
    channel = 'public.oban_insert';
    PERFORM pg_notify(channel, json_build_object('queue', NEW.queue)::text);
  END IF;
  RETURN NULL;
END;
$$;
CREATE TRIGGER oban_notify AFTER INSERT ON public.oban_jobs FOR EACH ROW EXECUTE FUNCTION public.oban_jobs_notify();
CREATE TABLE public.users (id bigserial, email varchar(255) NOT NULL, hashed_password varchar(255) NOT NULL, confirmed_at timestamp(0), inserted_at timestamp(0) NOT NULL, updated_at timestamp(0) NOT NULL, prefs jsonb, "map" jsonb, ip inet, CONSTRAINT users_pkey PRIMARY KEY (id));
CREATE TABLE "users_tokens" ("id" bigserial, "user_id" bigint NOT NULL, "token" bytea NOT NULL, "context" varchar(255) NOT NULL, "sent_to" varchar(255), "inserted_at" timestamp(0) NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "users_tokens_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE);
CREATE TABLE "posts" ("id" uuid, "title" varchar(255), "body" text DEFAULT '', "user_id" bigint CONSTRAINT "posts_user_id_fkey" REFERENCES "users"("id"), "status" varchar(20) DEFAULT 'draft', "position" integer, "amount" decimal(10,2), "at" time(0), "d" date, "fl" float, "published?" boolean DEFAULT false, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "users_email_index" ON "users" ("email");
CREATE INDEX "users_tokens_user_id_index" ON "users_tokens" ("user_id");
CREATE UNIQUE INDEX "users_tokens_context_token_index" ON "users_tokens" ("context", "token");
CREATE INDEX oban_jobs_args_index ON public.oban_jobs USING gin (args);
CREATE INDEX oban_jobs_state_index ON public.oban_jobs USING btree (state, queue, priority, id);
CREATE INDEX oban_jobs_meta_index ON public.oban_jobs USING gin (meta);
CREATE INDEX "posts_lower_title_index" ON "posts" (lower(title));
ALTER TABLE "posts" ADD CONSTRAINT "positive_amount" CHECK (amount > 0) NOT VALID;
ALTER TABLE "posts" ADD COLUMN "slug" varchar(255), ADD COLUMN IF NOT EXISTS "tags" varchar(255)[] DEFAULT ARRAY[]::varchar[] NOT NULL;
ALTER TABLE "posts" ALTER COLUMN "status" TYPE text, ALTER COLUMN "status" SET NOT NULL;
CREATE EXTENSION IF NOT EXISTS citext;
ALTER TABLE "users" ALTER COLUMN "email" TYPE citext;
ALTER TABLE posts RENAME "position" TO "rank";
CREATE INDEX CONCURRENTLY "posts_rank" ON "posts" ("rank") INCLUDE ("title") WHERE status = 'live';
INSERT INTO public."schema_migrations" (version) VALUES (20240101000000);
