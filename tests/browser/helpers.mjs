// What the tests share: a browser whose every complaint fails the test, the page's numbers, and the headless program's.
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

import { test as base, expect } from "@playwright/test";

import { FOLDER } from "./server.mjs";

export { expect };

const ORIGIN = `http://127.0.0.1:${process.env.TYPO_LAB_PORT}`;
export const PROGRAM = resolve(import.meta.dirname, process.env.TYPO_LAB_BIN ?? "../../target/release/typo-lab");

/** An address for each view; the constraints with some weight decay, without which they have nothing to show. */
export const VIEWS = {
  interpolation: "",
  preservation: "view=preservation&preset=figure-3-preservation",
  constraints: "view=constraints&preset=figure-3-constraint&weight_decay.alpha=0.01",
  shapes: "view=shapes",
};

/** Short runs of figure 2: the numbers are compared to the last digit all the same. */
export const SHORT = "lambda=0.1&optimiser.steps=600&losses.3.steps=600";

/** Minimisers agree with the headless program's to this, as SPEC.md asks. */
export const EXACT = 1e-9;

/**
 * Training runs agree to this. exp and ln differ in the last digit between wasm and native, which Adam's noise does not
 * amplify: measured 1e-15 after 33,000 steps. Another draw anywhere shows as 1e-4.
 */
export const TRAINED = 1e-9;

/**
 * Except at large λ. RLHF trains on the full expectation: without noise, Adam's second moment decays near the end until
 * its step is too long for a slope of λ, and the policy trembles about the minimum for ever; where it is within that
 * tremble hangs on the last digit. At λ = 1000 the other losses tremble too. Measured 2e-5; 2e-16 below these λ.
 */
const TREMBLE = { from: (loss) => (loss === "rlhf" ? 1 : 500), within: 1e-4 };

const isGood = (prompt) => prompt.pi_ref.join() === prompt.pi_star.join();

/** So does TYPO, at any λ, where it is at rest from the start: its full gradient on a good prompt is nothing but rounding. */
const rests = (spec, loss, prompt) => loss === "typo" && spec.optimiser.batch_size === null && spec.prompts.some((p) => p.name === prompt && isGood(p));

/** Collects whatever a context's pages complain about, and every request that leaves the origin. */
async function watch(context, complaints) {
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
  });
  context.on("console", (m) => {
    if (/Service Worker registration blocked by Playwright/.test(m.text())) return;
    if (["error", "warning"].includes(m.type())) complaints.push(`${m.type()}: ${m.text()}`);
  });
  context.on("weberror", (e) => complaints.push(`page error: ${e.error()}`));
  context.on("request", (r) => {
    if (!r.url().startsWith(ORIGIN + FOLDER) && !/^(data|blob):/.test(r.url())) complaints.push(`request: ${r.url()}`);
  });
}

export const test = base.extend({
  baseURL: `${ORIGIN}${FOLDER}`,

  /** Complaints so far. A test that provokes some names them in `expected`. */
  complaints: async ({ expected }, use) => {
    const complaints = [];
    await use(complaints);
    expect(complaints.filter((c) => !expected.some((e) => e.test(c)))).toEqual([]);
  },
  expected: async ({}, use) => use([]),

  context: async ({ context, complaints }, use) => {
    await watch(context, complaints);
    await use(context);
  },

  /** A page in a browser of its own: nothing but the address is shared with the first one. */
  elsewhere: async ({ browser, contextOptions, complaints, baseURL, viewport }, use) => {
    const opened = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({ baseURL, viewport, ...contextOptions, ...options });
      opened.push(context);
      await watch(context, complaints);
      return context.newPage();
    });
    await Promise.all(opened.map((c) => c.close()));
  },
});

/** Notes a measured number for the closing summary. */
export function note(text) {
  test.info().annotations.push({ type: "measured", description: text });
}

/** Opens the page and waits until it is live. */
export async function open(page, fragment = "") {
  await page.goto(fragment ? `./#${fragment}` : "./");
  await expect(page.locator("#lambda")).toBeVisible();
}

/**
 * In the page: waits until the newest run is complete, the address is written, and what changed is drawn. Returns what it
 * waited for in vain. The page writes its address 200 ms after it has followed the last change, in tasks that the browser may
 * put off; a timer that is longer and is set once nothing else is to be done, for which this waits 5 s at most, also ends later.
 */
export async function rest(run) {
  const MOST_SECS = 180;
  const state = () => (run ? (document.querySelector("#numbers")?.dataset.runDone ?? "no figures") : "true");
  // Figures are first drawn over a few frames; a canvas that has not been keeps the size that all begin with.
  const isBlank = () => [...document.querySelectorAll("canvas")].some((c) => c.clientWidth >= 40 && c.width === 300 && c.height === 150);
  const end = performance.now() + MOST_SECS * 1e3;
  while (performance.now() < end) {
    await new Promise((go) => requestIdleCallback(go, { timeout: 5000 }));
    const { hash } = location;
    await new Promise((go) => setTimeout(go, 250));
    if (state() !== "true" || location.hash !== hash || isBlank()) continue;
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    return null;
  }
  return `The page did not come to rest within ${MOST_SECS} s; run complete: ${state()}, address ${location.hash}`;
}

/**
 * Waits until the newest run is complete and shown, and the address, which is written with a delay, is what the page
 * shows. Where no run can come, `run: false` waits for the address alone.
 */
export async function settled(page, { run = true } = {}) {
  const trouble = await page.evaluate(rest, run);
  if (trouble) throw new Error(trouble);
}

/** Longer than a hand without anything rests before its next edit counts as another, by the page's own clock. */
export const pause = (page) => page.evaluate(() => new Promise((go) => setTimeout(go, 1500)));

/** One sentence in the page's alert. */
export const notice = (page) => page.locator(".notice[role=alert] p");

/**
 * Moves a range input of 1,001 positions by its keys: Page Up is a tenth of the track, an arrow one position. A value
 * that is rounded may put the thumb one position further.
 */
export async function slide(page, id, position) {
  const range = page.locator(id);
  const at = async () => Number(await range.inputValue());
  await range.focus();
  await page.keyboard.press("Home");
  while ((await at()) + 100 <= position) await page.keyboard.press("PageUp");
  while ((await at()) < position) await page.keyboard.press("ArrowRight");
  expect(await at()).toBeLessThanOrEqual(position + 1);
}

/** Presses a button. */
export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

/** Opens a section of the controls. */
export const unfold = (page, name) => page.locator(".controls summary", { hasText: name }).click();

/** Types into the number field beside a slider. */
export async function type(page, label, text) {
  const field = page.getByLabel(`${label}, typed`, { exact: true });
  await field.fill(text);
  await field.press("Enter");
}

/** The minimisers that the verdict table holds, one a loss, in the order of the Spec. */
export const minimisers = (page) => page.locator(".verdicts [data-pi]").evaluateAll((cells) => cells.map((c) => JSON.parse(c.dataset.pi)));

/** Distances to π*: one list a loss, one number a prompt. Rust writes infinity as inf. */
export const nats = (page) =>
  page.locator(".verdicts tbody tr").evaluateAll((rows) => rows.map((r) => [...r.querySelectorAll("[data-nats]")].map((c) => Number(c.dataset.nats.replace("inf", "Infinity")))));

/** The policies that training has reached at the shown moment, by loss and prompt. */
export const trained = (page) =>
  page.locator("#numbers [data-trained]").evaluateAll((rows) =>
    rows.map((r) => ({ loss: r.dataset.loss, prompt: r.dataset.prompt, step: Number(r.cells[2].textContent), pi: JSON.parse(r.dataset.trained) })),
  );

/** What every canvas shows. */
export const pixels = (page) => page.locator("canvas").evaluateAll((all) => all.map((c) => c.toDataURL()));

/** Runs the headless program on an experiment. */
export function lab(command, spec) {
  return JSON.parse(execFileSync(PROGRAM, [command, "-"], { input: JSON.stringify(spec), maxBuffer: 1 << 28, stdio: ["pipe", "pipe", "ignore"] }));
}

export const preset = (name) => JSON.parse(execFileSync(PROGRAM, ["preset", name]));

/** The presets' names, in the program's order. */
export const PRESETS = execFileSync(PROGRAM, ["preset"], { encoding: "utf8" }).trim().split("\n").map((line) => line.split(" ")[0]);

/** What can be read off the paper's figures 2 and 5, to about two digits: loss, moment, policy. f-DPO rests on its way. */
const [MODE, REFERENCE] = [[1, 0, 0], [0.4, 0.4, 0.2]];
const SMALL = [["dpo", "end", MODE], ["ipo", "end", MODE], ["f-dpo", "plateau", [0.54, 0.45, 0.01]], ["f-dpo", "end", MODE], ["typo", "end", [0.61, 0.29, 0.1]]];
export const READINGS = { "figure-2": SMALL, "figure-2-sampled": SMALL, "figure-5": ["dpo", "ipo", "f-dpo", "typo"].map((loss) => [loss, "end", REFERENCE]) };

/** The view that a preset opens in. */
export function home(name) {
  const own = { "figure-4": "language", "figure-8": "shapes" }[name];
  const { prompts, sweep } = preset(name);
  return own ?? (prompts.length > 1 ? "preservation" : sweep.over === "alpha" ? "constraints" : "interpolation");
}

/** A value as links write it: JSON, a list of numbers without brackets, or bare text. */
function value(text) {
  for (const candidate of [text, `[${text}]`]) {
    try {
      return JSON.parse(candidate);
    } catch {
      // The next reading.
    }
  }
  return text;
}

/** What an address holds beside the experiment. */
const PAGE_KEYS = ["preset", "view", "at", "story", "only", "prompt", "speed", "go-on", "gamma", "runs", "paper"];

/** The experiment that an address names: read here afresh, so that the page's own reader is put to the test too. */
export function specAt(url) {
  const pairs = new URLSearchParams(new URL(url).hash.slice(1).replaceAll("+", "%2B"));
  const usual = { preservation: "figure-3-preservation", constraints: "figure-3-constraint", shapes: "figure-8", language: "figure-4" }[pairs.get("view")] ?? "figure-2";
  const spec = preset(pairs.get("preset") ?? usual);
  for (const [key, text] of pairs) {
    if (PAGE_KEYS.includes(key)) continue;
    if (key === "lambda") {
      spec.losses.forEach((l) => (l.lambda = Number(text)));
      continue;
    }
    const path = key.split(".");
    const last = path.pop();
    path.reduce((place, name) => place[name], spec)[last] = value(text);
  }
  return spec;
}

/** The experiment in the page's address. */
export const specOf = async (page) => specAt(page.url());

/** The prompt, by position, that one-prompt figures show. */
export const promptOf = (page) => Number(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("prompt") ?? 0);

/** The largest difference between two lists of numbers, or of lists. */
export function gap(a, b) {
  const [x, y] = [[a].flat(9), [b].flat(9)];
  expect(x.length).toBe(y.length);
  return x.reduce((most, v, k) => Math.max(most, v === y[k] ? 0 : Math.abs(v - y[k])), 0);
}

/**
 * How far a distance to π* may be off where the minimiser meets SPEC.md's accuracy: 1e-9 in a probability, and relative
 * 1e-6 in its logarithm where it is below 1e-9.
 */
function natsTolerance(star, found) {
  return EXACT + logTolerances(found).reduce((sum, off, a) => sum + star[a] * off, 0);
}

/** Compares the minimisers and the distances to π* that the page shows with the headless program's for the experiment in its address. */
export async function compareShown(page) {
  compareExact(await specOf(page), await minimisers(page), await nats(page), promptOf(page));
}

/** The same, and the training runs at the shown moment. Returns the rows of the runs. */
export async function compare(page, name) {
  await compareShown(page);
  return compareRuns(page, name);
}

/** The training runs at the shown moment alone. */
export async function compareRuns(page, name) {
  const [spec, rows] = [await specOf(page), await trained(page)];
  const runs = lab("train", spec).runs.flatMap(({ prompts, ...run }) => prompts.map((p) => ({ ...run, prompt: p.name, pi: p.pi })));
  expect(rows.map((r) => `${r.loss} ${r.prompt}`)).toEqual(runs.map((r) => `${r.loss} ${r.prompt}`));
  const off = { steady: 0, trembling: 0 };
  rows.forEach((row, k) => {
    const { loss, lambda, steps, pi, prompt } = runs[k];
    const at = steps.indexOf(row.step);
    expect(at, `${loss} was recorded at step ${row.step}`).toBeGreaterThanOrEqual(0);
    const kind = lambda > TREMBLE.from(loss) || rests(spec, loss, prompt) ? "trembling" : "steady";
    off[kind] = Math.max(off[kind], gap(row.pi, pi[at]));
  });
  const trembling = off.trembling > 0 ? `, trembling ones within ${off.trembling.toExponential(1)}` : "";
  note(`${name.padEnd(28)} training runs within ${off.steady.toExponential(1)}${trembling}`);
  expect(off.steady).toBeLessThan(TRAINED);
  expect(off.trembling).toBeLessThan(TREMBLE.within);
  return rows;
}

/** A number as the page prints it, with half a unit of its last digit: 0.510, 31.4, 2·10⁻⁷, ∞, and 0 for nothing at all. */
function printed(text) {
  if (text === "0") return { value: 0, half: 0 };
  const [, digits, raised] = text.match(/^(-?[\d.]+)(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?$/) ?? [null, text === "∞" ? "Infinity" : "NaN"];
  const power = raised ? 10 ** Number([...raised].map((c) => (c === "⁻" ? "-" : "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c))).join("")) : 1;
  return { value: Number(digits) * power, half: 0.5 * power * 10 ** -(digits.split(".")[1] ?? "").length };
}

/** Whether a printed number is this one, rounded: what may be off before it is rounded comes on top. */
export function prints(text, x, off = EXACT) {
  const { value, half } = printed(text);
  return value === x || Math.abs(value - x) <= half * (1 + 1e-9) + off;
}

/** Whether a distance to π* as the page prints it is this one; JSON has no infinity. */
function printsNats(text, star, pi, nats) {
  const off = natsTolerance(star, { pi, log_pi: pi.map((p) => Math.log(Math.max(p, Number.MIN_VALUE))) });
  return nats === null ? text === "∞" : prints(text, nats, off);
}

/**
 * Compares the table of curves below the figures, every value of every loss, with what the headless program's sweep
 * prints for the experiment in the page's address: policies, and distances to π* before them; and its first line with the
 * minimisers of the losses as they are set. The distance behind a policy, in the constraints view, is a verdict's.
 */
export async function compareCurves(page) {
  const table = page.locator("details.numbers:not([id])");
  if (!(await table.evaluate((d) => d.open))) await table.locator("summary").click();
  await expect(table.locator("tbody tr").first()).toBeVisible();
  const lines = (body) => table.locator(`tbody:nth-of-type(${body}) tr`).evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.textContent)));
  const [[[asSet, ...set]], shown] = [await lines(1), await lines(2)];
  const over = await table.locator("thead th").first().textContent();
  const spec = await specOf(page);
  const [{ sweep, series }, { minimisers }] = [lab("sweep", spec), lab("minimise", spec)];
  expect({ λ: "lambda", α: "alpha" }[over]).toBe(sweep.over);
  expect([asSet, shown.length]).toEqual(["as set", sweep.values.length]);
  const prompts = series[0].prompts.length;
  const ofDistances = set.length === series.length * prompts && prompts > 1;
  const columns = (ofDistances ? series[0].prompts.map((_, x) => x) : [promptOf(page)]).flatMap((x) =>
    series.map((s, k) => ({ star: spec.prompts[x].pi_star, set: minimisers[k].prompts[x], ...s.prompts[x] })),
  );
  const wrong = [];
  const compare = (where, cells, found) => {
    expect(cells.length).toBe(columns.length);
    cells.forEach((text, c) => {
      const [pi, nats] = found(columns[c]);
      const [, before, policy] = text.match(/^([^(]*)\(([^)]*)\)/) ?? [];
      const told = policy?.split(", ") ?? [];
      const agrees = told.length === pi.length && told.every((p, a) => prints(p, pi[a])) && (!ofDistances || printsNats(before, columns[c].star, pi, nats));
      if (!agrees) wrong.push(`${where}, ${series[c % series.length].loss}: ${text}, the program ${nats} nats, ${pi}`);
    });
  };
  compare(asSet, set, (column) => [column.set.pi, column.set.kl_star]);
  shown.forEach(([, ...cells], k) => compare(`${over} = ${sweep.values[k]}`, cells, (column) => [column.pi[k], column.kl_star[k]]));
  expect(wrong).toEqual([]);
}

/** How far a policy's logarithms may be off, as `natsTolerance` says. */
const logTolerances = ({ pi, log_pi: logPi }) => pi.map((p, a) => (p > EXACT ? EXACT / p : 1e-6 * Math.abs(logPi[a])));

/** How far each number of a minimiser, or of a sweep's minimisers of one prompt, may be off. */
function exactTolerances(found, { pi_star: star, pi_ref: reference }) {
  if (!Array.isArray(found.pi[0])) {
    return { pi: EXACT, log_pi: logTolerances(found), kl_star: natsTolerance(star, found), kl_ref: natsTolerance(reference, found), tv_star: EXACT * star.length };
  }
  // Where a probability is zero its logarithm is not printed, but what it makes of the distance is.
  const logs = (k) => found.pi[k].map((p, a) => (p > 0 ? Math.log(p) : found.kl_star[k] / star[a]));
  return { pi: EXACT, kl_star: found.pi.map((pi, k) => natsTolerance(star, { pi, log_pi: logs(k) })) };
}

/**
 * Compares a result that the page gives with the headless program's for an experiment: the same names in the same order, the same
 * words, and numbers within what SPEC.md asks.
 * Returns how far the furthest is off.
 */
export function compareResult(mine, command, spec, theirs = lab(command, spec), accuracy = command === "train" ? TRAINED : EXACT) {
  const NUMBER = /-?\d+(\.\d+)?(e-?\d+)?/g;
  const wrong = [];
  let most = 0;
  const walk = (a, b, place, within) => {
    const kind = (v) => (v === null ? "null" : Array.isArray(v) ? "list" : typeof v);
    const differs = () => wrong.push(`${place}: ${JSON.stringify(a)?.slice(0, 200)} is not ${JSON.stringify(b)?.slice(0, 200)}`);
    if (kind(a) !== kind(b)) differs();
    else if (kind(b) === "number") {
      const off = Math.abs(a - b) / Math.max(1, Math.abs(b));
      most = Math.max(most, off);
      if (!(Math.abs(a - b) <= within || (["train", "verdict"].includes(command) && off <= within))) differs();
    } else if (kind(b) === "string") {
      // A sentence holds rounded numbers, too.
      if (a === b) return;
      if (a.replace(NUMBER, "#") !== b.replace(NUMBER, "#")) differs();
      else walk(a.match(NUMBER).map(Number), b.match(NUMBER).map(Number), place, within);
    } else if (kind(b) === "list" || kind(b) === "object") {
      if (Object.keys(a).join() !== Object.keys(b).join()) return differs();
      const isExact = b.pi && command !== "train";
      const inner = isExact ? exactTolerances(b, spec.prompts.find((p) => p.name === b.name)) : within;
      const trembling = command === "train" && b.lambda > TREMBLE.from(b.loss);
      for (const k of Object.keys(b)) walk(a[k], b[k], `${place}.${k}`, trembling ? TREMBLE.within : typeof inner === "number" ? inner : (inner[k] ?? EXACT));
    } else if (a !== b) differs();
  };
  walk(mine, theirs, command, accuracy);
  expect(wrong.slice(0, 5)).toEqual([]);
  return most;
}

/**
 * The exact part of `compare`. The preservation view's table has distances only, on every prompt; the constraints view's has
 * policies only; policies are of one prompt, by position.
 */
export function compareExact(spec, shownPi, shownNats, prompt = 0) {
  const minimisers = lab("minimise", spec).minimisers;
  const columns = shownPi.length > 0 ? [prompt] : spec.prompts.map((_, x) => x);
  const exact = minimisers.map((m) => ({ loss: m.loss, prompts: columns.map((x) => ({ ...m.prompts[x], star: spec.prompts[x].pi_star })) }));
  if (shownPi.length > 0) expect(gap(shownPi, exact.map((m) => m.prompts[0].pi))).toBeLessThan(EXACT);
  expect(shownNats.length).toBe(exact.length);
  const distances = shownNats.every((row) => row.length === columns.length);
  expect(distances || shownPi.length > 0, "the table holds policies or distances").toBe(true);
  if (!distances) return;
  exact.forEach((m, k) =>
    m.prompts.forEach((found, x) => {
      const shown = shownNats[k][x];
      // JSON has no infinity: a minimiser at the boundary is null there.
      if (found.kl_star === null) expect(shown).toBe(Infinity);
      else expect(Math.abs(shown - found.kl_star), `${m.loss} ${found.name}`).toBeLessThan(natsTolerance(found.star, found));
    }),
  );
}

/** The findings that each view's table shows of a loss, by the table's class. */
const FINDINGS = {
  "interpolation-verdicts": ["strong_interpolation", "weak_interpolation"],
  "preservation-verdicts": ["preservation"],
  "constraint-verdicts": ["constraint_gap"],
};

/**
 * Compares the verdicts, their numbers and the sentences behind them, with the headless program's. It speaks of interpolation
 * without weight decay, of the constraint with some, and of preservation beside twins where there is no good prompt; there
 * the page's verdicts are of other things.
 */
export async function compareVerdicts(page) {
  const spec = await specOf(page);
  const [, view] = (await page.locator(".table-frame:has(.verdicts)").getAttribute("class")).split(" ");
  const cells = await page.locator(".verdicts tbody tr").evaluateAll((rows) =>
    rows.map((r) =>
      [...r.querySelectorAll("[data-value]")].map((c) => ({
        holds: c.className === "yes",
        value: c.dataset.value === "inf" ? null : Number(c.dataset.value),
        why: c.querySelector(".why").textContent,
      })),
    ),
  );
  const good = spec.prompts.filter(isGood).length;
  const decays = spec.weight_decay.alpha > 0;
  if (view === "interpolation-verdicts" && decays) return;
  if (view === "constraint-verdicts" && (!decays || spec.prompts.length > 1)) return;
  if (view === "preservation-verdicts" && (good === 0 || good === spec.prompts.length)) {
    expect(cells.flat()).toEqual([]);
    return;
  }
  const theirs = lab("verdict", spec).verdicts.map((v) => FINDINGS[view].map((f) => ({ ...v[f], why: `${v[f].why}.` })));
  compareResult(cells, "verdict", spec, theirs, 1e-7);
}

/** Drags a handle by so many pixels, in steps as a hand does, taken so far from its middle; tells where its box must end. */
export async function dragBy(page, handle, dx, dy, { touch = false, release = true, off = [0, 0], halfway = async () => {} } = {}) {
  const element = page.locator(handle).first();
  await element.scrollIntoViewIfNeeded();
  const box = await element.boundingBox();
  const [x, y] = [box.x + box.width / 2 + off[0], box.y + box.height / 2 + off[1]];
  const path = Array.from({ length: 8 }, (_, k) => [x + (dx * (k + 1)) / 8, y + (dy * (k + 1)) / 8]);
  const follow = async (move) => {
    for (const [k, at] of path.entries()) {
      if (k === path.length / 2) await halfway();
      await move(at);
    }
  };
  if (touch) {
    const client = await page.context().newCDPSession(page);
    const send = (kind, at) => client.send("Input.dispatchTouchEvent", { type: kind, touchPoints: at ? [{ x: at[0], y: at[1] }] : [] });
    await send("touchStart", [x, y]);
    await follow((at) => send("touchMove", at));
    await send("touchEnd", null);
  } else {
    await page.mouse.move(x, y);
    await page.mouse.down();
    await follow((at) => page.mouse.move(...at));
    if (release) await page.mouse.up();
  }
  return { x: box.x + dx, y: box.y + dy };
}

/** A page of another author with the page in a frame; it keeps what it hears. */
export async function host(page, { query = "", fragment = "", before = "" } = {}) {
  await page.route("**/host.html", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<!DOCTYPE html><html lang="en"><title>host</title><link rel="icon" href="data:,">${before}<iframe title="figure" width="900" height="700" src="./?embed=1${query}#${fragment}"></iframe>`,
    }),
  );
  await page.addInitScript(() => {
    if (window !== window.top) return;
    window.heard = [];
    addEventListener("message", (e) => window.heard.push({ ...e.data, origin: e.origin }));
    window.ask = (message) => {
      const id = Math.random().toString(36);
      document.querySelector("iframe").contentWindow.postMessage({ typoLab: 1, id, ...message }, "*");
      return new Promise((done) => addEventListener("message", (e) => e.data?.id === id && done(e.data)));
    };
  });
  await page.goto("./host.html");
  await page.waitForFunction(() => window.heard.some((m) => m.event === "ready"));
}

/** The answer to a message to that frame. */
export const ask = (page, message) => page.evaluate((m) => window.ask(m), message);
export const framed = (page) => page.frameLocator("iframe");

/** The colour of a corner of the first canvas, and that of the page. */
export const colours = (page) =>
  page.evaluate(async () => {
    for (let k = 0; k < 2; k++) await new Promise(requestAnimationFrame);
    const scratch = new OffscreenCanvas(1, 1).getContext("2d");
    scratch.drawImage(document.querySelector("canvas"), -2, -2);
    return [`rgb(${[...scratch.getImageData(0, 0, 1, 1).data].slice(0, 3).join(", ")})`, getComputedStyle(document.body).backgroundColor];
  });
