/** The wallet's clock: measured when there is a network, remembered when there is none. */

import { Clock, offsetOf, reading, type CorrectedTime } from "../shared/clock";
import { timeSample } from "./server";
import { clockMemory, keepClock } from "./store";

let clock: Clock | undefined;

async function theClock(): Promise<Clock> {
  clock ??= new Clock(await clockMemory(), reading());
  return clock;
}

export async function now(): Promise<CorrectedTime> {
  const mine = await theClock();
  const time = mine.read(reading());
  const memory = mine.remembered();
  if (memory) await keepClock(memory);
  return time;
}

/** Three questions, the quickest counts. Throws NoAnswer without a network. */
export async function synchronise(): Promise<void> {
  const samples = [await timeSample(), await timeSample(), await timeSample()];
  const { offset } = offsetOf(samples);
  await keepClock((await theClock()).synced(offset, reading()));
}
