// Makes a built page ready for hosting: names its version, and tells the service worker which files it has.
//
// TYPO_LAB_URL: where the page will be hosted, if that is known. Those who preview links want the picture's whole address.
// A first argument names another folder than dist.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const DIST = process.argv[2] ?? "dist";
const at = (path) => join(DIST, path);
const digest = (bytes, encoding) => createHash("sha256").update(bytes).digest(encoding);

const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(DIST.length + 1).replaceAll("\\", "/"))
  .filter((path) => path !== "sw.js")
  .sort();
/** A language model and its worker are large, and only their own view asks for them: they are kept once it has. */
const isForLater = (path) => path.startsWith("lm_worker") || path.startsWith("static/lm/");

/** Replaces what must be there. */
function replaced(text, place, by) {
  if (!place.test(text)) throw new Error(`${place} is not in its file; .ci/precache.mjs and www/ must agree`);
  return text.replace(place, by);
}

let page = readFileSync(at("index.html"), "utf8").replace(/ *<meta name="build"[^>]*>\n/, "");
const host = process.env.TYPO_LAB_URL?.replace(/\/*$/, "/");
if (host) {
  page = replaced(page, /(<meta property="og:image" content=")static\/card\.png"/, `$1${host}static/card.png"`);
  page = replaced(page, /(<meta property="og:type")/, `<meta property="og:url" content="${host}">\n  $1`);
}
const parts = files.map((path) => [path, path === "index.html" ? page : readFileSync(at(path))]);
const build = digest(parts.map(([path, bytes]) => `${path} ${digest(bytes, "hex")}\n`).join(""), "hex").slice(0, 16);
writeFileSync(at("index.html"), replaced(page, /(<meta charset="utf-8">\n)/, `$1  <meta name="build" content="${build}">\n`));

const withDigest = (path) => [path, `sha256-${digest(readFileSync(at(path)), "base64")}`];
const list = files.filter((path) => !isForLater(path)).map(withDigest);
const later = files.filter(isForLater).map(withDigest);
let worker = readFileSync(at("sw.js"), "utf8");
worker = replaced(worker, /^const BUILD = .*;$/m, `const BUILD = ${JSON.stringify(build)};`);
worker = replaced(worker, /^const FILES = .*;$/m, `const FILES = ${JSON.stringify(list)};`);
worker = replaced(worker, /^const LATER = .*;$/m, `const LATER = ${JSON.stringify(later)};`);
writeFileSync(at("sw.js"), worker);
console.log(`version ${build}, ${list.length} files kept for use offline, ${later.length} more once they were used`);
