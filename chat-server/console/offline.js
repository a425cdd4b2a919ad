// Starts the service worker, which shows the page without a network.

/** The one script that a page may start as a worker. */
const WORKER = "/sw.js";

/** The address of the worker, in the type that the policy of the page demands. */
function address() {
  const { trustedTypes } = /** @type {any} */ (globalThis);
  if (!trustedTypes) return WORKER;
  const createScriptURL = (/** @type {string} */ url) => {
    if (url !== WORKER) throw new TypeError("no other worker may be started");
    return url;
  };
  return trustedTypes.createPolicy("worker", { createScriptURL }).createScriptURL(WORKER);
}

/** A new version takes over while all scripts of this page are loaded. @param {ServiceWorkerRegistration} registration */
function letTakeOver(registration) {
  const tell = () => registration.waiting?.postMessage("take_over");
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", tell));
  tell();
}

/** Browsers allow workers only over HTTPS or on this machine. Without one, the page works as long as its network does. */
export async function startOffline() {
  if (!("serviceWorker" in navigator)) return;
  try {
    letTakeOver(await navigator.serviceWorker.register(address()));
  } catch (error) {
    console.warn(error);
  }
}
