SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- the table np_links_links is new
CREATE TABLE "public"."np_links_links" (
  "slug" text NOT NULL,
  "created_at" timestamptz DEFAULT (now()) NOT NULL,
  "target" text NOT NULL,
  "visits" bigint DEFAULT (0) NOT NULL,
  CONSTRAINT "np_links_links_pkey" PRIMARY KEY ("slug"),
  CONSTRAINT "np_links_slug_check" CHECK (slug ~ '^[A-Za-z0-9]{6,32}$'),
  CONSTRAINT "np_links_target_check" CHECK (target ~ '^https?://' AND length(target) <= 2000)
);
