// The language model's worker by its messages alone (src/worker/protocol/lm.rs): on the CPU, held against the headless program on the
// same data, seeds and questions, and on a WebGPU that a processor plays, held against the CPU.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, note, open, PROGRAM, test } from "./helpers.mjs";

test.use({
  launchOptions: {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan",
    ],
  },
});

const LOSSES = ["rlhf", "dpo", "ipo", "f-dpo", "typo"];
const WORLD = resolve(import.meta.dirname, "../../static/lm/world");
const METHOD = { lora_rank: 0, supervised_steps: 0, mean: false, cosine: true };
const RECORD = 50;
/** Numbers of a step's row. */
const ROW = 12;
const RATE = 3e-4;

/** Figure 3's two prompts with a language model's optimiser. */
function experiment({ steps, batch, lambda = 0.1, rate = RATE, losses = LOSSES }) {
  const spec = JSON.parse(execFileSync(PROGRAM, ["preset", "figure-3-preservation"], { encoding: "utf8" }));
  spec.losses = losses.map((loss) => ({ ...spec.losses.find((l) => l.kind === loss), lambda }));
  Object.assign(spec.optimiser, { learning_rate: rate, batch_size: batch, clip_norm: 10, steps, record_every: RECORD, seed: 3 });
  return spec;
}

/** What the headless program finds: a line a loss. */
function native({ steps, batch, lambda = 0.1, rate = RATE, losses = LOSSES }) {
  const args = ["lm", "world", "--model", WORLD, "--device", "cpu", "--losses", losses.join(), "--lambda", lambda, "--learning-rate", rate,
    "--batch-size", batch, "--steps", steps, "--record-every", RECORD, "--questions", 4, "--seed", 3];
  const out = execFileSync(PROGRAM, args.map(String), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return out.trim().split("\n").map((line) => JSON.parse(line));
}

/** A page beside the built one with the worker in `window.lm`: what it said so far, and a way to wait for more. */
async function worker(page) {
  await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
  await page.goto("static/icon.svg");
  await page.evaluate(async () => {
    const name = (said) => (typeof said === "string" ? said : Object.keys(said)[0]);
    const heard = [];
    const waiting = [];
    const w = new Worker("../lm_worker_loader.js", { type: "module" });
    const look = () => {
      for (const one of [...waiting]) {
        const at = heard.findIndex((m, k) => k >= one.from && one.found(m));
        if (at >= 0) {
          waiting.splice(waiting.indexOf(one), 1);
          one.done(heard[at]);
        }
      }
    };
    w.onmessage = ({ data: [text, ...parts] }) => {
      const said = JSON.parse(text);
      heard.push({ name: name(said), said: said[name(said)], parts });
      look();
    };
    w.onerror = (e) => console.error(`the worker stopped: ${e.message}`);
    const until = (found, from = 0) => new Promise((done) => (waiting.push({ found, from, done }), look()));
    window.lm = {
      heard,
      until,
      send: (message, parts = []) => w.postMessage([JSON.stringify(message), ...parts]),
      /** Asks, and waits for the first of some answers. */
      async ask(message, names, parts = []) {
        const from = heard.length;
        this.send(message, parts);
        return await until((m) => names.includes(m.name), from);
      },
      end: () => w.terminate(),
    };
    await until((m) => m.name === "Ready");
  });
}

const opened = (page, wish) => page.evaluate((wish) => lm.ask({ Open: wish }, ["Opened", "Failed"]), wish);

/** Trains and gathers: a list of rows a loss, and the policies by fillers and loss as [step, log π…] lists. */
const trained = (page, spec, losses, run = 1) =>
  page.evaluate(
    async ([spec, losses, run, method]) => {
      const from = lm.heard.length;
      lm.send({ Train: { run, spec: JSON.stringify(spec), losses, method, paused: false } });
      const end = await lm.until((m) => m.name === "Failed" || (m.name === "At" && m.said.loss === null), from);
      if (end.name === "Failed") throw new Error(end.said.message);
      const rows = spec.losses.map(() => []);
      const policies = [0, 1].map(() => spec.losses.map(() => []));
      for (const { name, said, parts } of lm.heard.slice(from)) {
        if (name === "Steps") for (let k = 0; k < parts[0].length; k += 12) rows[said.loss].push([...parts[0].slice(k, k + 12)]);
        if (name !== "Batch") continue;
        parts.forEach((numbers, k) => {
          const [width, count, ...rest] = numbers;
          for (let n = 0; n < count; n++) policies[said.nth][k].push([rest[n], ...rest.slice(2 * count + n * width, 2 * count + (n + 1) * width)]);
        });
      }
      return { rows, policies };
    },
    [spec, losses, run, METHOD],
  );

const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;

/** The farthest that any recorded policy lies from the headless program's. */
function apart(found, lines) {
  let most = 0;
  for (const [nth, fillers] of ["seen", "held_out"].entries()) {
    lines.forEach((line, k) => {
      expect(found.policies[nth][k].map((p) => p[0])).toEqual(line.steps);
      found.policies[nth][k].forEach(([, ...logs], n) => {
        const pi = [...line.good[fillers].pi[n], ...line.bad[fillers].pi[n]];
        most = Math.max(most, ...pi.map((p, i) => Math.abs(p - Math.exp(logs[i]))));
      });
    });
  }
  return most;
}

/** The mean of r* = log π* over the model's responses to both kinds of questions: what RLHF raises. */
function reward([, ...logs]) {
  const star = [[0.6, 0.3, 0.1], [0.4, 0.2, 0.4]];
  return mean(star.map((p, x) => p.reduce((sum, q, y) => sum + Math.exp(logs[3 * x + y]) * Math.log(q), 0)));
}

const STEPS = Array.from({ length: 50 }, (_, n) => n + 1);

for (const loss of LOSSES) {
  test(`fifty steps of ${loss} on the CPU lower the loss and end where the headless program does`, async ({ page }) => {
    const size = { steps: 50, batch: 8, losses: [loss] };
    await worker(page);
    const { said: model } = await opened(page, "Cpu");
    expect([model.gpu, model.remark, model.parameters]).toEqual([false, null, 236928]);
    const { rows: [rows], policies } = await trained(page, experiment(size), [0]);
    expect(rows.map((r) => r[0])).toEqual(STEPS);
    // REINFORCE's own loss is a hundred draws' noise; what it raises can be read off.
    const [[before, after]] = policies[0];
    if (loss === "rlhf") expect(reward(after)).toBeGreaterThan(reward(before) + 0.01);
    else expect(mean(rows.slice(-15).map((r) => r[1]))).toBeLessThan(mean(rows.slice(0, 15).map((r) => r[1])));
    const headless = native(size);
    const far = apart({ policies }, headless);
    // What goes to other texts than the three answers, at seen questions.
    ["good", "bad"].forEach((family, x) => expect(Math.abs(rows.at(-1)[8 + x] - headless[0][family].seen.other.at(-1)), family).toBeLessThan(1e-4));
    note(`${loss} on the CPU: ${far.toExponential(1)} from the headless program after 50 steps of 8 pairs, ${Math.round(mean(rows.map((r) => r[7])))} tokens/s`);
    expect(far).toBeLessThan(1e-4);
  });

  test(`fifty steps of ${loss} on WebGPU are those of the CPU`, async ({ page }) => {
    // RLHF's take minutes where a slow processor plays the GPU.
    test.setTimeout(900_000);
    // A gentle setting: at three times the rate RLHF is driven into chaos, where the last digit decides what is drawn. One pair a step: batches
    // are the fixtures' (tests/lm_browser.rs).
    const size = { steps: 50, batch: 1, lambda: 1, rate: 1e-4, losses: [loss] };
    const spec = experiment(size);
    await worker(page);
    await opened(page, "Cpu");
    const cpu = await trained(page, spec, [0]);
    const { said: model } = await opened(page, "Gpu");
    expect(model.gpu, model.remark).toBe(true);
    const gpu = await trained(page, spec, [0], 2);
    expect(gpu.rows[0].map((r) => r[0])).toEqual(STEPS);
    const far = (list, other) => Math.max(...list.map((x, k) => (Number.isNaN(x) && Number.isNaN(other[k]) ? 0 : Math.abs(x - other[k]) / Math.max(1, Math.abs(x)))));
    // Loss, log-probabilities, margin: accuracy may turn at a margin of nothing, and speed is another matter.
    const rows = Math.max(...gpu.rows[0].map((row, n) => far(row.slice(1, 5), cpu.rows[0][n].slice(1, 5))));
    const ends = far(gpu.policies[0][0].at(-1).slice(1).map(Math.exp), cpu.policies[0][0].at(-1).slice(1).map(Math.exp));
    const headless = apart(gpu, native(size));
    note(`${loss} on ${model.device}: ${rows.toExponential(1)} from the CPU in any step, ${ends.toExponential(1)} in the policies at the end, ${headless.toExponential(1)} from the headless program`);
    expect(rows).toBeLessThan(1e-2);
    expect(ends).toBeLessThan(1e-3);
    expect(headless).toBeLessThan(1e-3);
  });
}

test("the page trains on WebGPU what it trains on the CPU, and says where", async ({ page }) => {
  test.setTimeout(600_000);
  const trained = async (device, where) => {
    await open(page, `view=language&device=${device}&lambda=1&only=1&optimiser.batch_size=2&optimiser.steps=1`);
    await expect(page.locator(".language .status p")).toHaveText(where);
    await page.getByRole("button", { name: "Train DPO", exact: true }).click();
    // A processor that plays a GPU reads the policies slowly.
    await expect(page.locator("#numbers")).toHaveAttribute("data-run-done", "true", { timeout: 150_000 });
    return { nats: await page.locator(".measured [data-of]").evaluateAll((all) => all.map((c) => Number(c.dataset.nats))) };
  };
  const cpu = await trained("cpu", /^Computed on the CPU; 236,928 parameters; a training takes \d+ MB\./);
  // A page of its own: an address that only changes its fragment keeps what was trained.
  await page.goto("about:blank");
  const gpu = await trained("gpu", /^Computed on google swiftshader \(WebGPU\).*a training takes \d+ MB\. A processor plays the GPU here, slower than the CPU’s own path/);
  expect(cpu.nats.length).toBe(6);
  cpu.nats.forEach((nats, k) => expect(Math.abs(gpu.nats[k] - nats)).toBeLessThan(1e-4));
});

const GPU = "view=language&device=gpu&lambda=1&only=1&optimiser.batch_size=2";
const alarm = (page) => page.locator(".language [role=alert] p");
const stepOf = async (page) => Number((await page.getByRole("group", { name: "Training", exact: true }).locator(".at").textContent()).match(/step (\d+)/)[1]);

/** Trains a step or two on WebGPU, lets something befall the device, and starts again: what was trained stays on screen. */
async function befalls(page, what, told) {
  await open(page, `${GPU}&optimiser.steps=200`);
  await page.getByRole("button", { name: "Train DPO", exact: true }).click();
  await expect.poll(() => stepOf(page), { timeout: 150_000 }).toBeGreaterThan(1);
  await what();
  await expect(alarm(page)).toHaveText(told);
  const drawn = page.locator(".progress-figures canvas");
  expect(await drawn.count()).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Start again", exact: true }).click();
  await expect(page.locator(".language .status p")).toHaveText(/^Computed on .+ a training takes/);
  expect(await drawn.count()).toBeGreaterThan(0);
  await expect(page.getByRole("button", { name: "Train DPO", exact: true })).toBeEnabled();
}

test("a GPU that goes away is told, what was trained stays, and a training can be started again", async ({ page }) => {
  test.setTimeout(600_000);
  const browser = await page.context().browser().newBrowserCDPSession();
  // The answer never comes: whoever would give it is gone.
  await befalls(page, async () => void browser.send("Browser.crashGpuProcess").catch(() => {}), /^The device was lost \(.+\); start again, or choose the CPU\.$/);
  await page.evaluate((fragment) => (location.hash = fragment), `${GPU}&optimiser.steps=1`);
  await page.getByRole("button", { name: "Train DPO", exact: true }).click();
  await expect(page.locator("#numbers")).toHaveAttribute("data-run-done", "true", { timeout: 150_000 });
});

test("a GPU without room for what a step needs says so, with what would help", async ({ page }) => {
  test.setTimeout(600_000);
  await page.route("**/lm_worker_loader.js*", async (route) => {
    const answer = await route.fetch();
    const listening = `const ask = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...wishes) { return (self.device = await ask.apply(this, wishes)); };`;
    await route.fulfill({ response: answer, body: `${listening}\n${await answer.text()}` });
  });
  const full = () =>
    page.workers().at(-1).evaluate(() => device.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error: new GPUOutOfMemoryError("no room") })));
  await befalls(page, full, /^The device has no room for \d+ MiB more; choose a smaller batch, shorter texts or LoRA\.$/);
});

test("a pause comes within one step, a step is one step, and a response is told before and after meanwhile", async ({ page }) => {
  await worker(page);
  await opened(page, "Cpu");
  const spec = JSON.stringify(experiment({ steps: 400, batch: 8, losses: ["dpo"] }));
  const seen = await page.evaluate(
    async ([spec, method]) => {
      const rows = () => lm.heard.filter((m) => m.name === "Steps").reduce((n, m) => n + m.parts[0].length / 12, 0);
      const still = () => new Promise((go) => setTimeout(go, 700));
      lm.send({ Train: { run: 1, spec, losses: [0], method, paused: false } });
      await lm.until((m) => m.name === "Steps");
      // What was posted before the pause was asked for, and what came after: the rows of a post, and one step more.
      const asked = await lm.ask({ Pause: true }, ["At"]);
      await still();
      const paused = rows();
      await still();
      const later = rows();
      lm.send("Step");
      await still();
      const stepped = rows();
      const said = await lm.ask({ Say: { prompt: "Where should I eat?", drawing: { temperature: 0, top_k: 0, top_p: 1, repetition_penalty: 1, max_tokens: 30, seed: 0 } } }, ["Said", "Failed"]);
      const saved = await lm.ask("Save", ["Saved", "Failed"]);
      const stopped = await lm.ask("Stop", ["At"]);
      return { asked: asked.said, paused, later, stepped, said: said.said, saved: saved.said, bytes: saved.parts.map((p) => p.length), stopped: stopped.said };
    },
    [spec, METHOD],
  );
  expect(seen.asked).toEqual({ run: 1, loss: 0, paused: true });
  expect(seen.later).toBe(seen.paused);
  expect(seen.stepped).toBe(seen.paused + 1);
  expect(seen.said.before.length).toBeGreaterThan(3);
  expect(seen.said.after[0]).toBe(0);
  for (const token of seen.said.before) expect(token.p).toBeCloseTo(token.likeliest[0][1], 12);
  expect(seen.saved.names).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  expect(seen.bytes[1]).toBeGreaterThan(4 * 236928);
  expect(seen.stopped).toEqual({ run: 1, loss: null, paused: false });
});

test("a training stops while its texts are still prepared, and what was trained before is complete", async ({ page }) => {
  await worker(page);
  await opened(page, "Cpu");
  const spec = experiment({ steps: 1000, batch: 16, losses: ["dpo", "typo"] });
  spec.losses[0].steps = 4;
  const seen = await page.evaluate(
    async ([spec, method]) => {
      lm.send({ Train: { run: 1, spec, losses: [0, 1], method, paused: false } });
      const second = await lm.until((m) => m.name === "At" && m.said.loss === 1);
      const from = lm.heard.indexOf(second);
      // After some passes, not before the first.
      await lm.until((m) => m.name === "Busy" && m.said.share > 0, from);
      const stopped = await lm.ask("Stop", ["At"]);
      // The worker answers what comes next.
      const said = await lm.ask({ Say: { prompt: "Where?", drawing: { temperature: 0, top_k: 0, top_p: 1, repetition_penalty: 1, max_tokens: 3, seed: 0 } } }, ["Said", "Failed"]);
      const heard = (name) => lm.heard.filter((m) => m.name === name);
      return {
        stopped: stopped.said,
        shares: lm.heard.slice(from).filter((m) => m.name === "Busy").map((m) => m.said.share),
        rows: heard("Steps").map((m) => [m.said.loss, m.parts[0].length]),
        done: heard("Batch").at(-1).said.done,
        before: said.said.before.length,
      };
    },
    [JSON.stringify(spec), METHOD],
  );
  expect(seen.stopped).toEqual({ run: 1, loss: null, paused: false });
  expect(Math.max(...seen.shares)).toBeLessThan(0.5);
  expect(seen.rows.every(([loss]) => loss === 0)).toBe(true);
  expect(seen.rows.reduce((sum, [, numbers]) => sum + numbers, 0)).toBe(4 * ROW);
  expect(seen.done).toBe(true);
  expect(seen.before).toBeGreaterThan(0);
});

test("five hundred steps, twice, take no more memory than fifty", async ({ page }) => {
  await worker(page);
  await opened(page, "Cpu");
  const bytes = () =>
    page.workers()[0].evaluate(async () => {
      const { default: start } = await import(new URL(`lm_worker.js${location.search}`, location.href).href);
      return (await start()).memory.buffer.byteLength;
    });
  await trained(page, experiment({ steps: 50, batch: 2 }), [0, 1, 2, 3, 4]);
  const before = await bytes();
  await trained(page, experiment({ steps: 500, batch: 2 }), [1, 4], 2);
  await trained(page, experiment({ steps: 500, batch: 2 }), [0], 3);
  const after = await bytes();
  note(`the worker's memory: ${(before / 1e6).toFixed(1)} MB after fifty steps of each loss, ${(after / 1e6).toFixed(1)} MB after 1,500 more`);
  // 500 steps have ten times the pairs of fifty, which are kept: 1,000 of them and their samples are less than a megabyte.
  expect(after - before).toBeLessThan(2e6);
});

test("a model and preferences of one's own are taken in, and what does not fit is told plainly", async ({ page }) => {
  await worker(page);
  const file = (name) => ({ name, bytes: [...readFileSync(resolve(WORLD, name))] });
  const ask = (message, names, files = []) =>
    page.evaluate(
      async ([message, names, files]) => (await lm.ask(message, names, files.map((f) => new File([f.text ?? new Uint8Array(f.bytes)], f.name)))).said,
      [message, names, files],
    );
  const folder = [file("config.json"), file("model.safetensors"), file("tokenizer.json")];
  const open = (files) => ask({ Open: "Cpu" }, ["Opened", "Failed"], files);
  expect(await open([folder[0]])).toEqual({ lost: false, message: "The files have neither tokenizer.json nor vocab.json and merges.txt; choose them too." });
  expect((await open([folder[0], folder[2], { name: "model.safetensors", text: "not one" }])).message).toMatch(/^model\.safetensors: .+\.$/);
  expect((await open([{ name: "config.json", text: "{" }, ...folder.slice(1)])).message).toMatch(/^config\.json: .+\.$/);
  const model = await open(folder);
  expect([model.parameters, model.world]).toEqual([236928, null]);
  // Files that are refused leave the model that is there.
  expect((await open([{ name: "config.json", text: "{" }, ...folder.slice(1)])).message).toMatch(/^config\.json: .+\.$/);
  const drawing = { temperature: 0, top_k: 0, top_p: 1, repetition_penalty: 1, max_tokens: 5, seed: 0 };
  expect((await ask({ Say: { prompt: "\n\nHuman: Hello", drawing } }, ["Said", "Failed"])).before.length).toBeGreaterThan(0);
  const spec = JSON.stringify(experiment({ steps: 20, batch: 2, losses: ["typo"] }));
  const train = { Train: { run: 1, spec, losses: [0], method: { ...METHOD, lora_rank: 2, supervised_steps: 3 }, paused: false } };
  expect((await ask(train, ["Failed", "At"])).message).toBe("A model of your own needs preferences: choose a file of JSON lines.");
  const pair = { prompt: "\n\nHuman: Where should I eat?\n\nAssistant:", chosen: " Eat at the station.", rejected: " Eat here." };
  expect((await ask("Prefer", ["Preferred", "Failed"], [{ name: "mine.jsonl", text: "{}" }])).message).toMatch(/^line 1: .+\.$/);
  expect(await ask("Prefer", ["Preferred", "Failed"], [{ name: "mine.jsonl", text: `${JSON.stringify(pair)}\n`.repeat(6) }])).toEqual({ pairs: 6 });
  const weight = await ask({ Weigh: { spec, losses: [0], method: METHOD } }, ["Weighed", "Failed"]);
  expect([weight.pairs, weight.refusal]).toEqual([6, null]);
  expect(weight.bytes).toBeGreaterThan(5 * 4 * 236928);
  const found = await page.evaluate(async (train) => {
    // A refused training has ended before.
    const from = lm.heard.length;
    lm.send(train);
    await lm.until((m) => m.name === "At" && m.said.loss === null, from);
    return lm.heard.filter((m) => m.name === "Steps").flatMap((m) => [...m.parts[0]]);
  }, train);
  expect(found.length).toBe(20 * ROW);
  expect(found.slice(-ROW)[1]).toBeLessThan(found[1]);
});

test("the small world is trained on short preferences of one's own, and its policies are read all the same", async ({ page }) => {
  await worker(page);
  await opened(page, "Cpu");
  const line = JSON.stringify({ prompt: "Hello.", chosen: " Yes.", rejected: " No." });
  const answer = await page.evaluate(async (text) => (await lm.ask("Prefer", ["Preferred", "Failed"], [new File([text], "mine.jsonl")])).said, `${line}\n${line}\n`);
  expect(answer).toEqual({ pairs: 2 });
  const { rows, policies } = await trained(page, experiment({ steps: 4, batch: 2, losses: ["dpo"] }), [0]);
  expect(rows[0].length).toBe(4);
  expect(rows[0].at(-1)[4]).toBeGreaterThan(0);
  expect(policies.map((p) => p[0].map((line) => line[0]))).toEqual([[0, 4], [0, 4]]);
});
