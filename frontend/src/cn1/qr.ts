/** Draws the code: level M, alphanumeric, a whole number of screen pixels to a module. */

import { correction, generate, mode } from "lean-qr";

export const QUIET_MODULES = 4;

/** Draw `text` on `canvas`, at most `width` CSS pixels wide with its quiet zone. */
export function draw(canvas: HTMLCanvasElement, text: string, width: number): void {
  const code = generate(mode.alphaNumeric(text), {
    minCorrectionLevel: correction.M,
    maxCorrectionLevel: correction.M,
  });
  const modules = code.size + 2 * QUIET_MODULES;
  code.toCanvas(canvas, { on: [0, 0, 0], off: [255, 255, 255], pad: QUIET_MODULES });
  // Modules of unequal width cost a scanner its reach, so the symbol shrinks to the next whole step.
  const ratio = window.devicePixelRatio || 1;
  const side = (Math.max(1, Math.floor((width * ratio) / modules)) * modules) / ratio;
  canvas.style.width = canvas.style.height = `${side}px`;
}
