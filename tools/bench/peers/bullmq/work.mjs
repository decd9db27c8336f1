// One text, as a BullMQ job.
import { Worker } from "bullmq";
import { submit } from "./carrier.mjs";
import { openRedis } from "./connection.mjs";

const worker = new Worker("send", (job) => submit(job.data.to, job.data.body), {
  connection: openRedis(),
  concurrency: Number(process.env.CONCURRENCY),
  ...(process.env.PACE && { limiter: { max: Number(process.env.PACE), duration: 1000 } }),
});
worker.on("error", (error) => console.error(error));
worker.on("failed", (_job, error) => console.error(error));
await worker.waitUntilReady();
console.log("worker ready");
