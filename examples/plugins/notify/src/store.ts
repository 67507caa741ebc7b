// The messages in the plugin's database.
import { Pool } from "pg";

export interface Message {
  id: string;
  recipient: string;
  subject: string;
  body: string;
  mailed: boolean;
  posted: boolean;
}

export interface Store {
  add(recipient: string, subject: string, body: string): Promise<string>;
  waiting(): Promise<number>;
  /** Calls `send` with the messages that wait longest, and records what it returns. */
  deliver(send: (message: Message) => Promise<{ mailed: boolean; posted: boolean }>): Promise<void>;
}

const WAITING = "mailed_at IS NULL OR posted_at IS NULL";

export function tableStore(url: string): Store {
  const pool = new Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 5000 });
  // An idle connection that breaks is replaced; without a listener it would end the process.
  pool.on("error", (error) => console.error(`database: ${error.message}`));
  return {
    async add(recipient, subject, body) {
      const insert = "INSERT INTO np_notify_messages (recipient, subject, body) VALUES ($1, $2, $3) RETURNING id";
      return (await pool.query(insert, [recipient, subject, body])).rows[0].id;
    },
    async waiting() {
      return Number((await pool.query(`SELECT count(*) FROM np_notify_messages WHERE ${WAITING}`)).rows[0].count);
    },
    async deliver(send) {
      const client = await pool.connect();
      try {
        await client.query("BEGIN");
        const select = `SELECT id, recipient, subject, body, mailed_at IS NOT NULL AS mailed, posted_at IS NOT NULL AS posted
          FROM np_notify_messages WHERE ${WAITING} ORDER BY attempts, id LIMIT 10 FOR UPDATE SKIP LOCKED`;
        for (const message of (await client.query(select)).rows as Message[]) {
          const { mailed, posted } = await send(message);
          const update = `UPDATE np_notify_messages SET attempts = attempts + 1,
            mailed_at = CASE WHEN $2 THEN coalesce(mailed_at, now()) END,
            posted_at = CASE WHEN $3 THEN coalesce(posted_at, now()) END WHERE id = $1`;
          await client.query(update, [message.id, mailed, posted]);
        }
        await client.query("COMMIT");
      } catch (error) {
        await client.query("ROLLBACK").catch(() => undefined);
        throw error;
      } finally {
        client.release();
      }
    },
  };
}
