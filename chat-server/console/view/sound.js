// Sounds. Browsers allow them only after the user has interacted with the page.

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

/** Called when the browser begins or ceases to allow sound. @type {Set<() => void>} */
const listeners = new Set();

/** Whether sound is wanted, and the browser does not allow it yet. */
export const isSoundBlocked = () => audio !== null && audio.state !== "running";

/** @param {() => void} changed @param {AbortSignal} gone after which nobody listens */
export function onSound(changed, gone) {
  listeners.add(changed);
  gone.addEventListener("abort", () => listeners.delete(changed));
}

/** Enables sound, where the browser blocks it at the user's next interaction. */
export function startSound() {
  if (!("AudioContext" in globalThis)) return;
  const context = new AudioContext();
  audio = context;
  context.onstatechange = () => listeners.forEach((changed) => changed());
  const wake = () => {
    if (context.state !== "running") context.resume().catch(() => {});
  };
  for (const gesture of ["pointerdown", "pointerup", "click", "keydown"]) addEventListener(gesture, wake, { capture: true, passive: true });
}

/**
 * Two soft tones; for an emergency, three pairs of sharp ones.
 *
 * @param {boolean} isEmergency
 */
export function beep(isEmergency) {
  if (isSoundOn()) sound(isEmergency);
}

/** Reaches a driver: sound and vibration, whatever the setting of the control room. */
export function callDriver() {
  sound(false);
  vibrate();
}

/** Reaches somebody in control, unless sound is off there. */
export function callControl() {
  if (!isSoundOn()) return;
  sound(false);
  vibrate();
}

function vibrate() {
  // The browser complains about a page that nobody has touched.
  if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.([300, 150, 300]);
}

/** @param {boolean} isEmergency */
function sound(isEmergency) {
  // The tones of a blocked page would all sound once it is allowed to.
  if (audio?.state !== "running") return;
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
