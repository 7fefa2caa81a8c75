// Measures the solver natively and in Chromium, the built page, and the peers, one after another, and rewrites the tables
// in README.md.
//
// node benches/run.mjs                everything
// node benches/run.mjs --quick        without the peers; prints the tables and leaves README.md alone
//   --strict                          exit 1 where a goal of the page is missed; otherwise the tables alone say so
//   --dist DIR                        the built page (dist/)
//
// CHROMIUM: the browser (/usr/bin/chromium). The raw numbers go to bench.json in cargo's target folder.
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { host } from "./host.mjs";
import { drags, firstPaints, openings } from "./page.mjs";
import { WEBGPU, pageFolders } from "./peers/webgpu.page.mjs";
import { pageMisses, rewrite, tables } from "./tables.mjs";

const ROOT = resolve(import.meta.dirname, "..");
const TESTS = join(ROOT, "tests/browser");
const QUIET = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const say = (text) => console.error(`\n== ${text}`);

/** Runs a program, its chatter on standard error, and resolves to what it printed on standard output. */
function run(program, args, options = {}) {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"], ...options });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (printed += text));
    child.on("error", failed);
    child.on("close", (code) => (code === 0 ? done(printed) : failed(new Error(`${program} ${args.join(" ")}: exit ${code}`))));
  });
}

const targetFolder = () => JSON.parse(execFileSync("cargo", ["metadata", "--no-deps", "--format-version", "1"], { cwd: ROOT })).target_directory;

/** Microseconds a unit by device and name, of the results that criterion wrote since `began`. */
function criterionMedians(folder, began) {
  const medians = {};
  for (const file of readdirSync(folder, { recursive: true })) {
    if (!file.endsWith(join("new", "benchmark.json")) || statSync(join(folder, file)).mtimeMs < began) continue;
    const read = (name) => JSON.parse(readFileSync(join(folder, file, "..", name), "utf8"));
    const { group_id: group, function_id: name, throughput } = read("benchmark.json");
    (medians[group] ??= {})[name] = read("estimates.json").median.point_estimate / 1e3 / throughput.Elements;
  }
  return medians;
}

const SOLVER = ["bench", "--locked", "--no-default-features", "--bench", "solver"];
const LANGUAGE = ["bench", "--locked", "--no-default-features", "--features", "gpu", "--bench", "lm"];

async function native(target) {
  say("the solver and the language model natively");
  const began = Date.now();
  console.error(await run("cargo", SOLVER));
  console.error(await run("cargo", LANGUAGE));
  const { solver, ...rest } = criterionMedians(join(target, "criterion"), began);
  const language = Object.entries(rest).map(([group, found]) => [group.replace(/^lm\//, ""), found]);
  return { solver, language: Object.fromEntries(language) };
}

/** Builds the wasm that a bench page loads, as `make dist` builds the workers, into a folder with the page's modules. */
async function buildWasm(target, name, features, modules) {
  const messages = await run("cargo", [
    ...["build", "--locked", "--profile", "release", "--bench", name, "--target", "wasm32-unknown-unknown"],
    ...["--no-default-features", "--features", features, "--message-format", "json-render-diagnostics"],
  ]);
  const built = messages.trim().split("\n").map((line) => JSON.parse(line)).find((m) => m.reason === "compiler-artifact" && m.target.name === name);
  const folder = join(target, `bench-page-${name}`);
  mkdirSync(folder, { recursive: true });
  const wasm = built.filenames.find((f) => f.endsWith(".wasm"));
  await run("wasm-bindgen", ["--target", "web", "--no-typescript", "--out-dir", folder, "--out-name", name, wasm]);
  const file = join(folder, `${name}_bg.wasm`);
  // The module itself names the features it was compiled with. (--all-features would let in what no browser knows yet.)
  const flags = ["-O3", "--strip-debug", "--strip-producers"];
  await run(join(TESTS, "node_modules/.bin/wasm-opt"), [...flags, file, "-o", file]);
  for (const module of modules) copyFileSync(join(import.meta.dirname, module), join(folder, basename(module)));
  writeFileSync(join(folder, "index.html"), "<!DOCTYPE html><title>bench</title>\n");
  return folder;
}

/** V8 compiles the same JavaScript to faster code in some pages and to slower code in others, so one page proves little. */
const PAGES = 5;

function quartiles(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
}

/** `{ name: { wasm: quartiles, javascript: quartiles } }` in microseconds a unit, over all pages' samples. */
async function inChromium(launch, folder) {
  say("the solver in Chromium, plain JavaScript beside it");
  const { url, close } = await host(folder);
  const pooled = {};
  for (let k = 0; k < PAGES; k++) {
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(url);
      const measured = await page.evaluate(async () => {
        if (!crossOriginIsolated) throw new Error("the page is not isolated, so its clock is coarse");
        return (await import("/stopwatch.mjs")).measure();
      });
      for (const [name, contenders] of Object.entries(measured)) {
        for (const [who, samples] of Object.entries(contenders)) ((pooled[name] ??= {})[who] ??= []).push(...samples);
      }
    } finally {
      await browser.close();
    }
  }
  close();
  const settle = (contenders) => Object.fromEntries(Object.entries(contenders).map(([who, samples]) => [who, quartiles(samples)]));
  return Object.fromEntries(Object.entries(pooled).map(([name, contenders]) => [name, settle(contenders)]));
}

/** What is timed of the language model in Chromium: a small model's size, at which a processor that plays a GPU takes seconds. */
const LANGUAGE_SIZES = {
  products: [[512, 128, 512], [512, 512, 512]],
  model: { name: "0.9M", layers: 4, heads: 4, width: 128, words: 512, time: 64, texts: 8 },
};

/** Ours and the peers', one after another in one page; null where the browser has no WebGPU. */
async function languageInChromium(launch, folder) {
  say("the language model in Chromium, TensorFlow.js and jax-js beside it");
  const { url, close } = await host(...pageFolders(), folder);
  const browser = await launch(WEBGPU);
  try {
    const page = await browser.newPage();
    page.on("console", (message) => console.error(message.text()));
    await page.goto(url);
    return await page.evaluate(async (sizes) => (await import("/lm_stopwatch.mjs")).measure(sizes), LANGUAGE_SIZES);
  } catch (error) {
    console.error(`The language model was not timed in Chromium: ${error.message}`);
    return null;
  } finally {
    await browser.close();
    close();
  }
}

async function builtPage(launch, dist) {
  say("the built page");
  const { url, close } = await host(dist);
  try {
    return { firstPaints: await firstPaints(launch, url), openings: await openings(launch, url), drags: await drags(launch, url) };
  } finally {
    close();
  }
}

/** `{ peer: { name: microseconds } }`. A peer that cannot run is left out, not fatal. */
async function peers() {
  say("the peers");
  const found = {};
  try {
    const lines = await run("bash", [join(import.meta.dirname, "peers/run.sh")]);
    for (const { peer, loss, what, microseconds } of lines.trim().split("\n").map((line) => JSON.parse(line))) {
      (found[peer] ??= {})[loss && what !== "figure_2" ? `${what}/${loss}` : what] = microseconds;
    }
  } catch (error) {
    console.error(`The peers did not run to their end: ${error.message}`);
  }
  return found;
}

async function main() {
  const { values: options } = parseArgs({ options: { quick: { type: "boolean" }, strict: { type: "boolean" }, dist: { type: "string" } } });
  const dist = resolve(ROOT, options.dist ?? "dist");
  if (!existsSync(join(dist, "index.html"))) throw new Error(`no page in ${dist}: run make dist, or name the folder with --dist`);
  const { chromium } = createRequire(join(TESTS, "package.json"))("playwright");
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const launch = (more = []) => chromium.launch({ executablePath, args: ["--no-sandbox", ...QUIET, ...more] });

  say("building");
  const target = targetFolder();
  for (const bench of [SOLVER, LANGUAGE]) await run("cargo", [...bench, "--no-run"]);
  const solver = await buildWasm(target, "browser", "worker", ["stopwatch.mjs", "peers/plain.mjs"]);
  const language = await buildWasm(target, "browser_lm", "lm_worker", ["lm_stopwatch.mjs"]);
  const browser = await launch();
  const device = {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0].model,
    cores: cpus().length,
    browser: browser.version(),
    node: process.version,
    rustc: execFileSync("rustc", ["--version"], { cwd: ROOT, encoding: "utf8" }).split(" ")[1],
    loadBefore: loadavg()[0],
  };
  await browser.close();

  const measured = await native(target);
  const results = { device, native: measured.solver, chromium: await inChromium(launch, solver), page: await builtPage(launch, dist) };
  results.language = { native: measured.language, chromium: options.quick ? null : await languageInChromium(launch, language) };
  results.peers = options.quick ? {} : await peers();
  device.loadAfter = loadavg()[0];
  writeFileSync(join(target, "bench.json"), JSON.stringify(results, null, 1));
  const text = tables(results);
  console.log(text);
  if (!options.quick) rewrite(join(import.meta.dirname, "README.md"), text);
  if (options.strict && pageMisses(results.page)) process.exitCode = 1;
}

await main();
