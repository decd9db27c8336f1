// The same request as the product's, over undici's pool of persistent connections.
import { Pool } from "undici";

const { CARRIER_URL, CARRIER_USER, CARRIER_PASSWORD, STATUS_CALLBACK, CONCURRENCY } = process.env;
const address = new URL(CARRIER_URL);
const pool = new Pool(address.origin, { connections: Number(CONCURRENCY), pipelining: 1, keepAliveTimeout: 60_000 });
const headers = {
  authorization: "Basic " + Buffer.from(`${CARRIER_USER}:${CARRIER_PASSWORD}`).toString("base64"),
  "content-type": "application/x-www-form-urlencoded",
};

export const SENDER = "+12025550100";
export const BODY = "Service moves to 10:30 this Sunday. See you there!";

/** Create one message and return its sid. */
export async function submit(to, body) {
  const form = new URLSearchParams({ To: to, From: SENDER, Body: body, StatusCallback: STATUS_CALLBACK });
  const answer = await pool.request({ method: "POST", path: address.pathname, headers, body: form.toString() });
  const payload = await answer.body.json();
  if (answer.statusCode !== 201) throw new Error(`the carrier answered ${answer.statusCode}`);
  return payload.sid;
}
