// Keeps the page for use offline. The files of a version are kept together, and every tab is served the version that its
// page came from, for as long as it is open: an update never mixes two versions.
//
// BUILD, FILES and LATER are filled in by .ci/precache.mjs; as they stand here (`trunk serve`) the worker takes itself away.
const BUILD = "";
const FILES = [];
// What only some visitors ask for: kept once it was.
const LATER = [];

const PREFIX = `typo-lab ${new URL(self.registration.scope).pathname} `;
// Which version each open tab, frame or worker has: one empty entry an id, the version in a header.
const CLIENTS = `${PREFIX}clients`;
const ROOT = self.registration.scope;
// Milliseconds that an entry is kept though its tab is not to be seen: a tab that is just opening is not listed yet.
const OPENING = 60_000;

const kept = new Set(FILES.map(([path]) => new URL(path, ROOT).href));
const later = new Map(LATER.map(([path, integrity]) => [new URL(path, ROOT).href, integrity]));
const known = new Map();

self.addEventListener("install", (event) => {
  event.waitUntil((BUILD ? keep() : Promise.resolve()).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(BUILD ? begin() : leave());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = file(request.url);
  if (BUILD && request.method === "GET" && (kept.has(address) || later.has(address))) event.respondWith(answer(event, address));
});

/** Keeps every file of this version, or none: a host in the middle of an update gives no mixture, the next visit tries again. */
async function keep() {
  const fetched = await Promise.all(
    FILES.map(async ([path, integrity]) => {
      const address = new URL(path, ROOT);
      const response = await fetch(address, { cache: "reload", integrity });
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      // Made anew: where a host redirects a folder's page to the folder, the response remembers it, and no browser shows such a one.
      return [address, new Response(await response.blob(), { headers: response.headers })];
    }),
  );
  const cache = await caches.open(PREFIX + BUILD);
  await Promise.all(fetched.map(([address, response]) => cache.put(address, response)));
}

/** Tabs that were open before anything was kept have this version. */
async function begin() {
  const older = (await caches.keys()).some((name) => name.startsWith(PREFIX) && name !== PREFIX + BUILD && name !== CLIENTS);
  for (const { id } of await all()) {
    if (!older && !(await versionOf(id))) await remember(id, BUILD);
  }
  await tidy();
  await self.clients.claim();
}

async function leave() {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX)) await caches.delete(name);
  await self.registration.unregister();
}

/** The address of the file that an address means: without query and fragment, a folder's page by its name. */
function file(url) {
  const { origin, pathname } = new URL(url);
  return origin + (pathname.endsWith("/") ? `${pathname}index.html` : pathname);
}

async function answer(event, address) {
  const { request, clientId, resultingClientId } = event;
  const version = request.mode === "navigate" ? BUILD : ((clientId && (await versionOf(clientId))) ?? BUILD);
  // A worker is a client too, of the version of the page that starts it.
  if (resultingClientId) await remember(resultingClientId, version);
  // Between two updates too, or the list of tabs would grow with every visit.
  if (request.mode === "navigate") event.waitUntil(inUse());
  const cache = await caches.open(PREFIX + version);
  return (await cache.match(address)) ?? (version === BUILD && later.has(address) ? keepOne(cache, address, request) : fetch(request));
}

/** Fetches a file of this version and keeps it; where the host has another by now, that one is handed on and not kept. */
async function keepOne(cache, address, request) {
  try {
    const response = await fetch(address, { cache: "no-cache", integrity: later.get(address) });
    if (!response.ok) return response;
    await cache.put(address, response.clone());
    return response;
  } catch {
    return fetch(request);
  }
}

const all = () => self.clients.matchAll({ includeUncontrolled: true, type: "all" });
const entry = (id) => new URL(`.client/${id}`, ROOT).href;

async function versionOf(id) {
  if (!known.has(id)) {
    const found = await (await caches.open(CLIENTS)).match(entry(id));
    if (!found) return undefined;
    known.set(id, found.headers.get("x-build"));
  }
  return known.get(id);
}

async function remember(id, version) {
  known.set(id, version);
  const headers = { "x-build": version, "x-since": String(Date.now()) };
  await (await caches.open(CLIENTS)).put(entry(id), new Response(null, { headers }));
}

/** Forgets tabs that are closed; gives the versions of those that are open. */
async function inUse() {
  const open = new Set((await all()).map(({ id }) => entry(id)));
  const clients = await caches.open(CLIENTS);
  const versions = new Set();
  for (const request of await clients.keys()) {
    // Another call may have been quicker to forget it.
    const headers = (await clients.match(request))?.headers;
    if (!headers) continue;
    if (open.has(request.url) || Date.now() - Number(headers.get("x-since")) < OPENING) versions.add(headers.get("x-build"));
    else await clients.delete(request);
  }
  return versions;
}

/** Forgets versions that no tab has. For the newest worker alone: an older one would take away what that is about to begin with. */
async function tidy() {
  const used = new Set([CLIENTS, ...[BUILD, ...(await inUse())].map((version) => PREFIX + version)]);
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && !used.has(name)) await caches.delete(name);
}
