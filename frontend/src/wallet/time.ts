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

/** More than this, and the code on the screen carries the wrong time. */
const WORTH_REDRAWING_MS = 1_000;

/**
 * Three questions, the quickest counts. Gives whether the time of codes moved by it. Throws NoAnswer without a
 * network.
 */
export async function synchronise(): Promise<boolean> {
  const samples = [await timeSample(), await timeSample(), await timeSample()];
  const mine = await theClock();
  const before = mine.read(reading());
  await keepClock(mine.synced(offsetOf(samples).offset, reading()));
  const after = mine.read(reading());
  return before.unsure || Math.abs(after.at - before.at) > WORTH_REDRAWING_MS;
}
