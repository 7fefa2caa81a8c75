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

function serve(root) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const inside = pathname.startsWith(FOLDER) ? decodeURIComponent(pathname.slice(FOLDER.length)) || "index.html" : null;
    const file = inside === null ? null : join(root, normalize(`/${inside}`));
    if (file === null || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404, { "content-type": "text/plain" }).end("not here");
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-store" });
    createReadStream(file).pipe(response);
  });
  server.listen(0, "127.0.0.1", () => console.log(`${root} on port ${server.address().port}`));
}

if (process.argv[1] === import.meta.filename) {
  const root = resolve(import.meta.dirname, process.env.TYPO_LAB_DIST ?? "../../dist");
  if (!existsSync(join(root, "index.html"))) {
    console.error(`No page in ${root}. Run make dist, or name the folder with TYPO_LAB_DIST.`);
    process.exit(1);
  }
  serve(root);
}
