// The service worker: keeps the files of the page, so that a reload without a network shows the
// page with its outbox.
//
// The server puts two values before this text: a hash of all files, and each file's own hash.
// Another version of the server has another worker. It keeps its files beside the old ones until a
// page that is complete lets it take over. Nothing but these files is kept or answered.

const worker = /** @type {any} */ (globalThis);

/** @type {{ VERSION: string, FILES: Record<string, string> }} */
const { VERSION, FILES } = worker;

/** The beginning of the names of all caches of the page. */
const CACHES = "console ";

const CACHE = CACHES + VERSION;

/** Fetches all files. If one is of another version, as while servers are being replaced, the worker is not installed. */
async function fetchAll() {
  const requests = Object.entries(FILES).map(([path, integrity]) => new Request(path, { integrity, cache: "no-cache" }));
  try {
    await (await caches.open(CACHE)).addAll(requests);
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

/** Removes the files of other versions. */
async function removeOthers() {
  const names = (await caches.keys()).filter((name) => name.startsWith(CACHES) && name !== CACHE);
  await Promise.all(names.map((name) => caches.delete(name)));
}

/** @param {string} path @param {Request} request */
async function kept(path, request) {
  return (await (await caches.open(CACHE)).match(path)) ?? fetch(request);
}

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(fetchAll()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(removeOthers()));
worker.addEventListener("message", (/** @type {any} */ event) => event.data === "take_over" && worker.skipWaiting());
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  const isFile = method === "GET" && origin === location.origin && Object.hasOwn(FILES, pathname);
  if (isFile) event.respondWith(kept(pathname, event.request));
});
