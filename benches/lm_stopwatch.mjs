// In the page: times the language model's wasm on the CPU and on the browser's WebGPU, and its peers on the same WebGPU.
import init, { Bench } from "./browser_lm.js";
import { measure as peers, median } from "./webgpu.mjs";

async function timed(bench, { products, model }) {
  const found = { products: {} };
  for (const [m, k, n] of products) {
    bench.matrices(m, k, n);
    found.products[`${m}x${k}x${n}`] = (await median(7, 2, () => bench.multiply())) / Bench.queued();
  }
  bench.train(model.name);
  found.step = await median(5, 2, () => bench.step());
  found.read = await median(7, 2, () => bench.read());
  return found;
}

/** `{ contender: { products: { "512x128x512": microseconds }, step, read } }`, with the adapter's name; a peer without `read`. */
export async function measure(sizes) {
  await init({ module_or_path: "./browser_lm_bg.wasm" });
  const gpu = await Bench.gpu();
  if (!gpu) throw new Error("this browser offers no WebGPU");
  const ours = { cpu: await timed(Bench.cpu(), sizes), webgpu: await timed(gpu, sizes) };
  return { adapter: gpu.name(), ...ours, ...(await peers(sizes)) };
}
