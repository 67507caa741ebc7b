// Sends a message as mail and to the webhook. Each way is repeated until it has accepted the message.
import nodemailer from "nodemailer";
import type { Message } from "./store";

export interface Ways {
  mail(message: Message): Promise<void>;
  webhook(message: Message): Promise<void>;
}

export const sent = { mail: 0, webhook: 0 };

export function ways(env: NodeJS.ProcessEnv, webhookUrl: string): Ways {
  const user = env.SMTP_USER;
  const transport = nodemailer.createTransport({
    host: env.SMTP_HOST,
    port: Number(env.SMTP_PORT),
    secure: env.SMTP_TLS === "true",
    auth: user ? { user, pass: env.SMTP_PASSWORD } : undefined,
    connectionTimeout: 5000,
    socketTimeout: 10000,
  });
  return {
    async mail(message) {
      await transport.sendMail({ from: env.MAIL_FROM, to: message.recipient, subject: message.subject, text: message.body });
    },
    async webhook({ id, recipient, subject, body }) {
      const answer = await fetch(webhookUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ id, recipient, subject, body }),
        signal: AbortSignal.timeout(10000),
      });
      if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
    },
  };
}

/** Tries the ways that have not accepted the message, and returns which have. */
export async function send(ways: Ways, message: Message): Promise<{ mailed: boolean; posted: boolean }> {
  const attempt = async (way: keyof Ways, done: boolean): Promise<boolean> => {
    if (done) return true;
    try {
      await ways[way](message);
      sent[way] += 1;
      return true;
    } catch (error) {
      console.error(`${way} of message ${message.id}: ${(error as Error).message}`);
      return false;
    }
  };
  const [mailed, posted] = await Promise.all([attempt("mail", message.mailed), attempt("webhook", message.posted)]);
  return { mailed, posted };
}
