/** A sound and a vibration of its own for yes, for no and for a choice, so that nobody has to look twice. */

let context: AudioContext | undefined;

const SOUNDS = {
  yes: { tones: [[880, 0, 0.1], [1_320, 0.11, 0.18]], wave: "sine", shake: [70] },
  wait: { tones: [[587, 0, 0.12], [587, 0.2, 0.12]], wave: "sine", shake: [70, 60, 70] },
  no: { tones: [[196, 0, 0.18], [147, 0.22, 0.32]], wave: "square", shake: [180, 90, 180] },
} as const;

export function signal(kind: keyof typeof SOUNDS, sound: boolean): void {
  const { tones, wave, shake } = SOUNDS[kind];
  // Before the first touch a browser lets no page shake the phone, and says so.
  if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.([...shake]);
  if (!sound) return;
  try {
    context ??= new AudioContext();
    void context.resume();
    for (const [frequency, after, length] of tones) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const start = context.currentTime + after;
      tone.type = wave;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.0001, start);
      volume.gain.exponentialRampToValueAtTime(wave === "sine" ? 0.4 : 0.15, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + length);
      tone.connect(volume).connect(context.destination);
      tone.start(start);
      tone.stop(start + length);
    }
  } catch {
    // No sound device: the screen says it all the same.
  }
}
