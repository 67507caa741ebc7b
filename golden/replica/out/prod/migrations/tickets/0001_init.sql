SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- the table tickets is new
CREATE TABLE "public"."tickets" (
  "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  "title" text NOT NULL,
  CONSTRAINT "tickets_pkey" PRIMARY KEY ("id")
);

-- tickets: grants
GRANT SELECT ON TABLE "public"."tickets" TO "reports";
