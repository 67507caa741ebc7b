// Listens on $PORT until SIGTERM, then answers open requests and exits.
import "reflect-metadata";
import { NestFactory } from "@nestjs/core";

import { AppModule } from "./app.js";

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  const stop = async (): Promise<void> => {
    // Requests that take longer than 20 seconds are aborted.
    setTimeout(() => process.exit(1), 20_000).unref();
    await app.close();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  await app.listen(Number(process.env.PORT ?? 8001), "0.0.0.0");
}

void main();
