SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- the table np_notify_messages is new
CREATE TABLE "public"."np_notify_messages" (
  "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  "attempts" integer DEFAULT (0) NOT NULL,
  "body" text NOT NULL,
  "created_at" timestamptz DEFAULT (now()) NOT NULL,
  "mailed_at" timestamptz,
  "posted_at" timestamptz,
  "recipient" text NOT NULL,
  "subject" text NOT NULL,
  CONSTRAINT "np_notify_messages_pkey" PRIMARY KEY ("id")
);

-- np_notify_messages.np_notify_messages_waiting_idx is new
CREATE INDEX "np_notify_messages_waiting_idx" ON "public"."np_notify_messages" USING btree ("id") WHERE (mailed_at IS NULL OR posted_at IS NULL);
