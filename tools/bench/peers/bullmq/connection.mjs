// Redis, as BullMQ asks for it.
import { Redis } from "ioredis";

export const openRedis = () => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
