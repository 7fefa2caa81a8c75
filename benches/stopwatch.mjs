// In the page: times the solver's wasm, and plain JavaScript where it does the same work.
import init, { Bench } from "./browser.js";
import { workloads } from "./plain.mjs";

/** Long enough for the browser to compile what is hot with its best compiler. */
const WARM_UP_MS = 300;
/** A sample is long beside the clock's 5 µs and short beside a disturbance. */
const SAMPLE_MS = 10;
/** In each of several pages. */
const SAMPLES = 7;

/** Warms `call(times)` up, then says how many calls make a sample. */
function callsPerSample(call) {
  const began = performance.now();
  let calls = 0;
  for (let times = 1; performance.now() - began < WARM_UP_MS; times *= 2) {
    call(times);
    calls += times;
  }
  return Math.max(1, Math.round((SAMPLE_MS * calls) / (performance.now() - began)));
}

/** Samples in microseconds a unit. Contenders take turns, so that a disturbance meets them all. */
function race(contenders) {
  const racing = contenders.map((c) => ({ ...c, times: callsPerSample(c.call), samples: [] }));
  for (let round = 0; round < SAMPLES; round++) {
    for (const { call, times, units, samples } of racing) {
      const start = performance.now();
      call(times);
      samples.push(((performance.now() - start) * 1e3) / times / units);
    }
  }
  return Object.fromEntries(racing.map(({ who, samples }) => [who, samples]));
}

function javascript({ units, work }) {
  let seed = 0;
  return {
    who: "javascript",
    units,
    call(times) {
      for (let k = 0; k < times; k++) work(seed++);
    },
  };
}

/** `{ name: { wasm: samples, javascript: samples } }`, the second where there is such a peer. */
export async function measure() {
  await init({ module_or_path: "./browser_bg.wasm" });
  const bench = new Bench();
  const peers = new Map(workloads().map((w) => [w.what === "figure_2" ? w.what : `${w.what}/${w.loss}`, w]));
  const results = {};
  for (const [position, name] of bench.names().entries()) {
    const wasm = { who: "wasm", units: bench.units(position), call: (times) => bench.call(position, times) };
    const peer = peers.get(name);
    results[name] = race(peer ? [wasm, javascript(peer)] : [wasm]);
    // Lets the browser do its own work between two pieces of ours.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return results;
}
