SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- back: np_notify_messages.np_notify_messages_waiting_idx is new
DROP INDEX "public"."np_notify_messages_waiting_idx";

-- back: the table np_notify_messages is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."np_notify_messages") THEN RAISE EXCEPTION 'np_notify_messages holds rows'; END IF; END $guard$;
DROP TABLE "public"."np_notify_messages";
