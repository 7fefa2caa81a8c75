// The page in which the browser's peers are timed: their bundles, named for a module by an import map.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const HERE = import.meta.dirname;
/** Headless Chromium has a WebGPU only when told, and takes a real GPU only with the switches that the variable names. */
const ADAPTER = process.env.WEBGPU_SWITCHES?.split(" ").filter(Boolean) ?? ["--use-webgpu-adapter=swiftshader"];
export const WEBGPU = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", ...ADAPTER];

/** What a module imports, and the ready bundle that it gets. */
const IMPORTS = {
  // All of TensorFlow.js: the core's own bundle registers no gradients.
  "@tensorflow/tfjs-core": "@tensorflow/tfjs/dist/tf.fesm.min.js",
  "@tensorflow/tfjs-backend-webgpu": "@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.fesm.min.js",
  "@jax-js/jax": "@jax-js/jax/dist/index.js",
};

/** The folders that the peers' page is served from: its own, and the installed packages'. */
export function pageFolders() {
  const installed = execFileSync("bash", [join(HERE, "node.sh")], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  const folder = join(installed, "page");
  mkdirSync(folder, { recursive: true });
  const imports = Object.fromEntries(Object.entries(IMPORTS).map(([name, file]) => [name, `/node_modules/${file}`]));
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  writeFileSync(join(folder, "index.html"), `<!DOCTYPE html><title>peers</title><link rel="icon" href="data:,">${map}\n`);
  copyFileSync(join(HERE, "webgpu.mjs"), join(folder, "webgpu.mjs"));
  return [folder, installed];
}
