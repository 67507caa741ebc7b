-- 0001_a
SET LOCAL lock_timeout = '5s';
CREATE TABLE "public"."orders" (
  "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  "note" text DEFAULT ('it''s' || E'\'') NOT NULL,
  CONSTRAINT "orders_pkey" PRIMARY KEY ("id")
);
----
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF NEW.a > 1 THEN RAISE 'no; %', ';'; END IF;
  RETURN NEW;
END
$body$;
CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW WHEN (OLD.a IS DISTINCT FROM NEW.a) EXECUTE FUNCTION f();
----
INSERT INTO states VALUES (1, 'new'), (2, 'paid') ON CONFLICT DO NOTHING; /* a /* nested */ comment */
UPDATE orders SET total = total + 1 WHERE id IN (SELECT id FROM orders WHERE note IS NULL);
----
CREATE FUNCTION g(a int) RETURNS int LANGUAGE sql AS $$ SELECT $1 + (1) $$;
DO $do$ BEGIN PERFORM 1; END $do$;
ALTER TABLE orders ADD CONSTRAINT c CHECK (total >= 0) NOT VALID;
