// The sound of a new request. Browsers allow sound only after the user has interacted with the
// page.

import { onDevice } from "../kept.js";

const KEPT = "chat-sound";

/** @type {AudioContext | null} */
let audio = null;

export const isSoundOn = () => onDevice.get(KEPT) !== "off";

/** @param {boolean} isOn */
export function setSound(isOn) {
  onDevice.set(KEPT, isOn ? "on" : "off");
  if (isOn) beep(false);
}

/** Enables sound at the user's first interaction. */
export function awaitGesture() {
  const wake = () => {
    audio ??= new AudioContext();
    void audio.resume();
  };
  for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, wake, { once: true, passive: true });
}

/**
 * Two soft tones; for an emergency, three pairs of sharp ones.
 *
 * @param {boolean} isEmergency
 */
export function beep(isEmergency) {
  if (!audio || !isSoundOn()) return;
  const tones = isEmergency ? [880, 660, 880, 660, 880, 660] : [587, 784];
  tones.forEach((tone, index) => play(tone, index * 0.18, isEmergency ? "square" : "sine"));
}

/**
 * @param {number} tone in hertz
 * @param {number} after seconds from now
 * @param {OscillatorType} type
 */
function play(tone, after, type) {
  if (!audio) return;
  const from = audio.currentTime + after;
  const [source, volume] = [audio.createOscillator(), audio.createGain()];
  Object.assign(source, { type });
  source.frequency.value = tone;
  volume.gain.setValueAtTime(0.0001, from);
  volume.gain.exponentialRampToValueAtTime(0.12, from + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.16);
  source.connect(volume).connect(audio.destination);
  source.start(from);
  source.stop(from + 0.17);
}
