// Express in a cluster: POST JSON, one job on a queue, 202.
import cluster from "node:cluster";
import express from "express";
import { Queue } from "bullmq";
import { openRedis } from "./connection.mjs";

if (cluster.isPrimary) {
  for (let number = 0; number < 2; number += 1) cluster.fork();
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
} else {
  process.on("disconnect", () => process.exit(0));
  const queue = new Queue("messages", { connection: openRedis(), defaultJobOptions: { removeOnComplete: true } });
  await queue.waitUntilReady();
  const app = express();
  app.disable("x-powered-by");
  app.use(express.json());
  app.get("/health/ready", (_request, response) => response.json({ status: "ready" }));
  app.post("/api/messages/send", async (request, response) => {
    const job = await queue.add("send", request.body);
    response.status(202).json({ id: job.id, status: "accepted" });
  });
  app.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening"));
}
