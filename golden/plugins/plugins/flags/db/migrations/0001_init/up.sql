SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- the table np_flags_flags is new
CREATE TABLE "public"."np_flags_flags" (
  "name" text NOT NULL,
  "enabled" boolean DEFAULT (false) NOT NULL,
  CONSTRAINT "np_flags_flags_pkey" PRIMARY KEY ("name")
);
