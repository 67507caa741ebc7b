SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- back: orders.orders_customer_id_fkey is new
ALTER TABLE "public"."orders" DROP CONSTRAINT "orders_customer_id_fkey";

-- back: order_lines.order_lines_order_id_fkey is new
ALTER TABLE "public"."order_lines" DROP CONSTRAINT "order_lines_order_id_fkey";

-- back: the table orders is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."orders") THEN RAISE EXCEPTION 'orders holds rows'; END IF; END $guard$;
DROP TABLE "public"."orders";

-- back: the table order_lines is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."order_lines") THEN RAISE EXCEPTION 'order_lines holds rows'; END IF; END $guard$;
DROP TABLE "public"."order_lines";

-- back: the table customers is new
DO $guard$ BEGIN IF EXISTS (SELECT FROM "public"."customers") THEN RAISE EXCEPTION 'customers holds rows'; END IF; END $guard$;
DROP TABLE "public"."customers";
