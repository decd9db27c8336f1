// addBulk is BullMQ's fastest way to enqueue. `produce.mjs COUNT FIRST` enqueues a job for each of COUNT recipients.
import { Queue } from "bullmq";
import { BODY } from "./carrier.mjs";
import { openRedis } from "./connection.mjs";

const FIRST_NUMBER = 3_000_000_000;
const CHUNK = 1_000;

const [count, first] = process.argv.slice(2).map(Number);
const redis = openRedis();
const queue = new Queue("send", { connection: redis, defaultJobOptions: { removeOnComplete: true } });
await queue.waitUntilReady();
const cpuBefore = process.cpuUsage();
console.log(JSON.stringify({ began_at: Date.now() / 1000 }));
for (let start = 0; start < count; start += CHUNK) {
  const jobs = Array.from({ length: Math.min(CHUNK, count - start) }, (_, place) => ({
    name: "send",
    data: { to: `+1${FIRST_NUMBER + first + start + place}`, body: BODY },
  }));
  await queue.addBulk(jobs);
}
const cpu = process.cpuUsage(cpuBefore);
console.log(JSON.stringify({ ended_at: Date.now() / 1000, cpu_seconds: (cpu.user + cpu.system) / 1e6 }));
process.exit(0);
