// Prints raw and brotli sizes of the built page and fails where a program is larger than it may be, or not there.
import { readFileSync, readdirSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";

const KB = 1000;
const most = { "app_bg.wasm": 350 * KB, "solver_worker_bg.wasm": 200 * KB, "lm_worker_bg.wasm": 400 * KB };

const files = readdirSync("dist").filter((name) => /\.(wasm|js|css|html)$/.test(name)).sort();
const missing = Object.keys(most).filter((name) => !files.includes(name));
for (const name of missing) console.log(`${name.padEnd(28)} IS MISSING`);
let failed = missing.length > 0;
for (const file of files) {
  const bytes = readFileSync(`dist/${file}`);
  const packed = brotliCompressSync(bytes).length;
  const bound = most[file];
  const verdict = bound === undefined ? "" : packed <= bound ? `  (at most ${bound / KB} KB)` : `  TOO LARGE, at most ${bound / KB} KB`;
  failed ||= bound !== undefined && packed > bound;
  console.log(`${file.padEnd(28)}${(bytes.length / KB).toFixed(1).padStart(9)} KB raw${(packed / KB).toFixed(1).padStart(9)} KB brotli${verdict}`);
}
process.exit(failed ? 1 : 0);
