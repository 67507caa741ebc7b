SET LOCAL lock_timeout = '5s';
SET LOCAL search_path = public;

-- the table customers is new
CREATE TABLE "public"."customers" (
  "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  "name" text NOT NULL,
  "notes" text,
  CONSTRAINT "customers_pkey" PRIMARY KEY ("id")
);

-- the table order_lines is new
CREATE TABLE "public"."order_lines" (
  "order_id" bigint NOT NULL,
  "product" uuid NOT NULL,
  "quantity" integer NOT NULL,
  CONSTRAINT "order_lines_pkey" PRIMARY KEY ("order_id", "product")
);

-- the table orders is new
CREATE TABLE "public"."orders" (
  "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  "customer_id" bigint NOT NULL,
  "state" text NOT NULL,
  "total" integer NOT NULL,
  CONSTRAINT "orders_pkey" PRIMARY KEY ("id")
);

-- order_lines.order_lines_order_id_fkey is new
ALTER TABLE "public"."order_lines" ADD CONSTRAINT "order_lines_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "public"."orders" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- orders.orders_customer_id_fkey is new
ALTER TABLE "public"."orders" ADD CONSTRAINT "orders_customer_id_fkey" FOREIGN KEY ("customer_id") REFERENCES "public"."customers" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION;
