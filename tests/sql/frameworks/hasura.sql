SET check_function_bodies = false;
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
CREATE FUNCTION public.set_current_timestamp_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  _new record;
BEGIN
  _new := NEW;
  _new."updated_at" = NOW();
  RETURN _new;
END;
$$;
CREATE TABLE public.roles (value text NOT NULL, comment text);
COMMENT ON TABLE public.roles IS E'enum of roles\n@enum';
CREATE TABLE public.users (id uuid DEFAULT public.gen_random_uuid() NOT NULL, name text NOT NULL, role text DEFAULT 'user'::text NOT NULL, created_at timestamp with time zone DEFAULT now() NOT NULL, updated_at timestamp with time zone DEFAULT now() NOT NULL, avatar bytea, point point, settings jsonb DEFAULT jsonb_build_object() NOT NULL);
CREATE TABLE public.todos (id integer NOT NULL, title text NOT NULL, is_done boolean DEFAULT false NOT NULL, user_id uuid NOT NULL, "position" integer, due date);
CREATE SEQUENCE public.todos_id_seq AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.todos_id_seq OWNED BY public.todos.id;
CREATE TABLE public.online (user_id uuid NOT NULL, last_seen timestamptz NOT NULL DEFAULT now());
CREATE TABLE public.articles (id serial primary key, title text, body text, published_on date, rating numeric, author_id uuid);
CREATE TABLE public.tags (id serial primary key, tag_value text unique);
CREATE TABLE public.article_tag (article_id integer references public.articles(id) on update restrict on delete cascade, tag_id integer references public.tags(id), primary key (article_id, tag_id));
CREATE FUNCTION public.search_articles(search text) RETURNS SETOF public.articles LANGUAGE sql STABLE AS $$ SELECT * FROM articles WHERE title ilike ('%' || search || '%') $$;
CREATE FUNCTION public.user_full(user_row public.users, hasura_session json) RETURNS text LANGUAGE sql STABLE AS $$ SELECT user_row.name || (hasura_session ->> 'x-hasura-role') $$;
CREATE VIEW public.todo_stats AS SELECT users.id AS user_id, count(todos.id) FILTER (WHERE todos.is_done) AS done, count(*) AS total, (SELECT max(t2.due) AS max FROM public.todos t2 WHERE (t2.user_id = users.id)) AS last FROM (public.users LEFT JOIN public.todos ON ((todos.user_id = users.id))) GROUP BY users.id;
ALTER TABLE ONLY public.todos ALTER COLUMN id SET DEFAULT nextval('public.todos_id_seq'::regclass);
ALTER TABLE ONLY public.roles ADD CONSTRAINT roles_pkey PRIMARY KEY (value);
ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.todos ADD CONSTRAINT todos_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.todos ADD CONSTRAINT todos_user_position_key UNIQUE (user_id, "position");
ALTER TABLE ONLY public.online ADD CONSTRAINT online_pkey PRIMARY KEY (user_id);
CREATE TRIGGER set_public_users_updated_at BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.set_current_timestamp_updated_at();
COMMENT ON TRIGGER set_public_users_updated_at ON public.users IS 'trigger to set value of column "updated_at" to current timestamp on row update';
ALTER TABLE ONLY public.users ADD CONSTRAINT users_role_fkey FOREIGN KEY (role) REFERENCES public.roles(value) ON UPDATE RESTRICT ON DELETE RESTRICT;
ALTER TABLE ONLY public.todos ADD CONSTRAINT todos_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON UPDATE RESTRICT ON DELETE CASCADE;
ALTER TABLE "public"."users" ADD COLUMN "email" text NULL UNIQUE;
alter table "public"."articles" add constraint "articles_author_id_fkey" foreign key ("author_id") references "public"."users" ("id") on update restrict on delete set null;
CREATE INDEX "todos_user" on "public"."todos" using btree ("user_id", "is_done");
alter table "public"."todos" add constraint "title_len" check (length(title) < 200);
comment on column "public"."todos"."due" is E'';
