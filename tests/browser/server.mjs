// A plain static host with the page in a sub-folder, as on GitHub Pages. Whatever lies outside it is not found.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";

export const FOLDER = "/some/where/";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".png": "image/png",
  ".wasm": "application/wasm",
};

/** Serves a folder on a free port. Some hosts send who asks for a folder's index.html to the folder: `redirects`. */
export function serve(root, { redirects = false } = {}) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (redirects && pathname.endsWith("/index.html")) {
      response.writeHead(301, { location: pathname.slice(0, -"index.html".length), "cache-control": "no-store" }).end();
      return;
    }
    const inside = pathname.startsWith(FOLDER) ? decodeURIComponent(pathname.slice(FOLDER.length)).replace(/(^|\/)$/, "$1index.html") : null;
    const file = inside === null ? null : join(root, normalize(`/${inside}`));
    if (file === null || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404, { "content-type": "text/plain" }).end("not here");
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-store" });
    createReadStream(file).pipe(response);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

if (process.argv[1] === import.meta.filename) {
  const root = resolve(import.meta.dirname, process.env.TYPO_LAB_DIST ?? "../../dist");
  if (!existsSync(join(root, "index.html"))) {
    console.error(`No page in ${root}. Run make dist, or name the folder with TYPO_LAB_DIST.`);
    process.exit(1);
  }
  const server = await serve(root);
  console.log(`${root} on port ${server.address().port}`);
}
