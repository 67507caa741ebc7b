-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";
-- CreateExtension
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
-- CreateEnum
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN', 'super-admin');
CREATE TYPE "Plan" AS ENUM ('free', 'pro');
-- CreateTable
CREATE TABLE "User" ("id" TEXT NOT NULL, "email" TEXT NOT NULL, "name" TEXT, "emailVerified" TIMESTAMP(3), "role" "Role" NOT NULL DEFAULT 'USER', "roles" "Role"[] DEFAULT ARRAY['USER']::"Role"[], "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL, "score" DOUBLE PRECISION DEFAULT 0.5, "meta" JSONB DEFAULT '{"a": "b"}', "bytes" BYTEA, "big" BIGINT, "dec" DECIMAL(65,30) NOT NULL DEFAULT 0, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Account" ("id" SERIAL NOT NULL, "userId" TEXT NOT NULL, "type" TEXT NOT NULL, "provider" TEXT NOT NULL, "providerAccountId" TEXT NOT NULL, "refresh_token" TEXT, "expires_at" INTEGER, CONSTRAINT "Account_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Session" ("id" UUID NOT NULL DEFAULT uuid_generate_v4(), "sessionToken" TEXT NOT NULL, "userId" TEXT NOT NULL, "expires" TIMESTAMPTZ(6) NOT NULL, CONSTRAINT "Session_pkey" PRIMARY KEY ("id"));
CREATE TABLE "VerificationToken" ("identifier" TEXT NOT NULL, "token" TEXT NOT NULL, "expires" TIMESTAMP(3) NOT NULL);
CREATE TABLE "Post" ("id" SERIAL NOT NULL, "title" VARCHAR(255) NOT NULL, "content" TEXT, "published" BOOLEAN NOT NULL DEFAULT false, "authorId" TEXT, "viewCount" INTEGER NOT NULL DEFAULT 0, "tags" TEXT[], CONSTRAINT "Post_pkey" PRIMARY KEY ("id"));
CREATE TABLE "_CategoryToPost" ("A" INTEGER NOT NULL, "B" INTEGER NOT NULL);
CREATE TABLE "Category" ("id" SERIAL NOT NULL, "name" TEXT NOT NULL, "order" SMALLINT, "time" TIME(0), "group" CHAR(2), CONSTRAINT "Category_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Order" ("id" BIGSERIAL NOT NULL, "number" INTEGER NOT NULL, "plan" "Plan" NOT NULL DEFAULT 'free', "userId" TEXT, "tenant" INTEGER NOT NULL, CONSTRAINT "Order_pkey" PRIMARY KEY ("id","tenant"));
CREATE TABLE "a_very_long_table_name_for_a_model_with_many_words_in_its_name" ("id" SERIAL NOT NULL, "another_rather_long_column_name" INTEGER NOT NULL, CONSTRAINT "a_very_long_table_name_for_a_model_with_many_words_in_its_na_pkey" PRIMARY KEY ("id"));
-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE INDEX "User_createdAt_idx" ON "User"("createdAt" DESC);
CREATE UNIQUE INDEX "Account_provider_providerAccountId_key" ON "Account"("provider", "providerAccountId");
CREATE UNIQUE INDEX "Session_sessionToken_key" ON "Session"("sessionToken");
CREATE UNIQUE INDEX "VerificationToken_identifier_token_key" ON "VerificationToken"("identifier", "token");
CREATE UNIQUE INDEX "_CategoryToPost_AB_unique" ON "_CategoryToPost"("A", "B");
CREATE INDEX "_CategoryToPost_B_index" ON "_CategoryToPost"("B");
CREATE INDEX "Post_tags_idx" ON "Post" USING GIN ("tags");
CREATE INDEX "Post_title_idx" ON "Post" USING HASH ("title");
-- AddForeignKey
ALTER TABLE "Account" ADD CONSTRAINT "Account_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Session" ADD CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "_CategoryToPost" ADD CONSTRAINT "_CategoryToPost_A_fkey" FOREIGN KEY ("A") REFERENCES "Category"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_CategoryToPost" ADD CONSTRAINT "_CategoryToPost_B_fkey" FOREIGN KEY ("B") REFERENCES "Post"("id") ON DELETE CASCADE ON UPDATE CASCADE;
-- AlterEnum
BEGIN;
CREATE TYPE "Plan_new" AS ENUM ('free', 'pro', 'team');
ALTER TABLE "Order" ALTER COLUMN "plan" DROP DEFAULT;
ALTER TABLE "Order" ALTER COLUMN "plan" TYPE "Plan_new" USING ("plan"::text::"Plan_new");
ALTER TYPE "Plan" RENAME TO "Plan_old";
ALTER TYPE "Plan_new" RENAME TO "Plan";
DROP TYPE "Plan_old";
ALTER TABLE "Order" ALTER COLUMN "plan" SET DEFAULT 'free';
COMMIT;
-- AlterTable
ALTER TABLE "Post" ADD COLUMN "slug" TEXT NOT NULL DEFAULT '';
ALTER TABLE "_CategoryToPost" ADD CONSTRAINT "_CategoryToPost_AB_pkey" PRIMARY KEY ("A", "B");
DROP INDEX "_CategoryToPost_AB_unique";
ALTER TABLE "Category" ALTER COLUMN "id" DROP DEFAULT;
DROP SEQUENCE "Category_id_seq";
