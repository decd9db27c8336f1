// Redis, with the options that BullMQ requires.
import { Redis } from "ioredis";

export const openRedis = () => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
