// The connection to Redis: to the primary that the Sentinels in $REDIS_SENTINELS name, or to $REDIS_URL.
import { Redis } from "ioredis";

export function parameters(env) {
  const always = { maxRetriesPerRequest: null };
  if (!env.REDIS_SENTINELS) return [env.REDIS_URL ?? "redis://redis:6379/0", always];
  const sentinels = env.REDIS_SENTINELS.split(",").map((address) => {
    const [host, port = "26379"] = address.trim().split(":");
    return { host, port: Number(port) };
  });
  const password = env.REDIS_PASSWORD;
  return [
    {
      ...always,
      sentinels,
      name: env.REDIS_MASTER_NAME ?? "main",
      password,
      sentinelPassword: password,
      // A primary that became a replica refuses writes.
      reconnectOnError: (error) => error.message.startsWith("READONLY"),
    },
  ];
}

export const connect = (env) => new Redis(...parameters(env));
