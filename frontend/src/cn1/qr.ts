/** Draws the code: level M, alphanumeric, a whole number of screen pixels to a module. */

import { correction, generate, mode } from "lean-qr";

export const QUIET_MODULES = 4;
const LEVEL_M = { minCorrectionLevel: correction.M, maxCorrectionLevel: correction.M };
/** What a phone's code needs at level M: smaller symbols are not tried, nor their frames drawn before the first code. */
const LEAST_VERSION = 12;
const SAMPLE = "CN1:0000000000000";

/** Draw `text` on `canvas`, at most `width` CSS pixels wide with its quiet zone. */
export function draw(canvas: HTMLCanvasElement, text: string, width: number): void {
  paint(canvas, symbol(text), width);
}

/** The same for an address, which has small letters. */
export function drawAddress(canvas: HTMLCanvasElement, address: string, width: number): void {
  paint(canvas, generate(mode.ascii(address), LEVEL_M), width);
}

/** Make what the first code needs while the page waits for something else; on a slow phone it is the larger part of it. */
export function warmUp(): void {
  symbol(SAMPLE);
}

function symbol(text: string): ReturnType<typeof generate> {
  return generate(mode.alphaNumeric(text), { ...LEVEL_M, minVersion: LEAST_VERSION });
}

function paint(canvas: HTMLCanvasElement, code: ReturnType<typeof generate>, width: number): void {
  const modules = code.size + 2 * QUIET_MODULES;
  code.toCanvas(canvas, { on: [0, 0, 0], off: [255, 255, 255], pad: QUIET_MODULES });
  // Modules of unequal width cost a scanner its reach, so the symbol shrinks to the next whole step.
  const ratio = window.devicePixelRatio || 1;
  const side = (Math.max(1, Math.floor((width * ratio) / modules)) * modules) / ratio;
  canvas.style.width = canvas.style.height = `${side}px`;
}
