/** Reads the code with the camera: zxing as WebAssembly, the same engine on every browser, served by ourselves. */

import { BarcodeDetector, prepareZXingModule } from "barcode-detector/ponyfill";
import wasmUrl from "zxing-wasm/reader/zxing_reader.wasm?url";

import { cleanCode, looksLikeCode } from "./codetext";

export type CameraTrouble = "none" | "denied" | "busy";

export class NoCamera extends Error {
  constructor(readonly trouble: CameraTrouble) {
    super(trouble);
  }
}

const PAUSE_MS = 60;
let detector: BarcodeDetector | undefined;

function theDetector(): BarcodeDetector {
  if (!detector) {
    prepareZXingModule({
      overrides: { locateFile: (path: string, prefix: string) => (path.endsWith(".wasm") ? wasmUrl : prefix + path) },
    });
    detector = new BarcodeDetector({ formats: ["qr_code"] });
  }
  return detector;
}

/** Fetch and compile the reader ahead of the first scan. */
export async function warmUp(): Promise<void> {
  await theDetector().detect(new ImageData(8, 8)).catch(() => []);
}

/** One scan: shows the camera in `video` and gives the first code seen, or undefined when `stop` is aborted. */
export async function scan(video: HTMLVideoElement, stop: AbortSignal, otherCode: () => void): Promise<string | undefined> {
  let found: string | undefined;
  await watch(video, stop, (raw) => {
    const text = cleanCode(raw);
    if (looksLikeCode(text)) found = text;
    else otherCode();
    return found !== undefined;
  });
  return found;
}

/** Shows the camera in `video` and tells every QR it sees until `seen` says enough or `stop` is aborted. */
export async function watch(
  video: HTMLVideoElement,
  stop: AbortSignal,
  seen: (raw: string) => boolean | Promise<boolean>,
): Promise<void> {
  const stream = await openCamera();
  try {
    video.srcObject = stream;
    await video.play();
    while (!stop.aborted) {
      for (const found of await theDetector().detect(video)) {
        if (await seen(found.rawValue)) return;
      }
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}

async function openCamera(): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) throw new NoCamera("none");
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
      audio: false,
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError") throw new NoCamera("denied");
    throw new NoCamera(name === "NotReadableError" ? "busy" : "none");
  }
}
