// The tables of README.md, from raw results. Goals are those of the project's PEERS.md.
import { readFileSync, writeFileSync } from "node:fs";

/** Microseconds. */
const GOAL = { step: { native: 0.2, chromium: 0.25 }, figure2: { chromium: 20e3 }, exact: { native: 5, chromium: 5 }, sweep: { chromium: 2e3 } };
/** Exponents of growth; a tenth is left to noise and caches. */
const ORDER = { actions: 2, prompts: 1 };
const ORDER_SLACK = 0.1;
/** Milliseconds. */
const PAGE_GOAL = { firstPaint: 1000, exact: 16, learning: 50 };

const NAMES = { rlhf: "RLHF", dpo: "DPO", ipo: "IPO", "f-dpo": "f-DPO", typo: "TYPO" };
const LOSSES = Object.keys(NAMES);
/** Steps of each loss in Figure 2. */
const FIGURE_2_STEPS = { rlhf: 11e3, dpo: 11e3, ipo: 11e3, "f-dpo": 33e3, typo: 11e3 };

const NONE = "–";

function digits(x) {
  if (x === undefined || Number.isNaN(x)) return NONE;
  return x >= 100 ? Math.round(x).toLocaleString("en") : String(Number(x.toPrecision(x < 1 ? 2 : 3)));
}

/** A time in microseconds, in the unit that reads best. */
function time(us) {
  if (us === undefined) return NONE;
  if (us >= 1e6) return `${digits(us / 1e6)} s`;
  return us >= 1e3 ? `${digits(us / 1e3)} ms` : us >= 0.9995 ? `${digits(us)} µs` : `${digits(us * 1e3)} ns`;
}

const ms = (x) => `${digits(x)} ms`;
const times = (ratio) => (Number.isFinite(ratio) ? `${digits(ratio)}×` : NONE);
const verdict = (met) => (met ? "yes" : "**no**");

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, k) => (k === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

const goalText = (goal) =>
  Object.entries(goal)
    .map(([where, us]) => `${where === "native" ? "native" : "Chromium"} ≤ ${time(us)}`)
    .join(", ");

const isMet = (goal, ours) => verdict(Object.entries(goal).every(([where, us]) => ours[where] <= us));

/** Everything that was timed under one name. */
function row({ native, chromium, peers }, name) {
  return {
    native: native[name],
    chromium: chromium[name]?.wasm[1],
    torch: peers.pytorch?.[name],
    jax: peers.jax?.[name],
    node: peers.javascript?.[name],
    javascript: chromium[name]?.javascript?.[1],
  };
}

function besidePeers(results) {
  const cells = (what, r, goal, torch = time(r.torch)) => {
    const fastest = Math.min(...[r.torch, r.jax, r.node].filter((us) => us !== undefined));
    const ratios = [times(fastest / r.native), times(r.javascript / r.chromium)];
    return [what, time(r.native), time(r.chromium), torch, time(r.jax), time(r.node), time(r.javascript), ...ratios, goalText(goal), isMet(goal, r)];
  };
  const steps = LOSSES.map((loss) => cells(`Adam step, ${NAMES[loss]}`, row(results, `adam_step/${loss}`), GOAL.step));
  const whole = row(results, "figure_2");
  // PyTorch is too slow to wait for a whole Figure 2: its steps, added up.
  const torch = results.peers.pytorch;
  if (torch) whole.torch = LOSSES.reduce((sum, loss) => sum + FIGURE_2_STEPS[loss] * torch[`adam_step/${loss}`], 0);
  const figure = cells("Figure 2, 77,000 steps", whole, GOAL.figure2, torch ? `≈ ${time(whole.torch)}` : NONE);
  const head = ["", "ours, native", "ours, Chromium", "PyTorch", "JAX", "JavaScript, Node", "JavaScript, Chromium", "fastest peer ÷ native", "JavaScript ÷ ours, in Chromium", "goal", "met"];
  return table(head, [...steps, figure]);
}

function alone(results) {
  const cells = (what, name, goal) => {
    const r = row(results, name);
    return [what, time(r.native), time(r.chromium), goalText(goal), isMet(goal, r)];
  };
  const exact = LOSSES.map((loss) => cells(`exact minimiser, ${NAMES[loss]}`, `exact/${loss}`, GOAL.exact));
  return table(["", "native", "Chromium", "goal", "met"], [...exact, cells("61 λ, five losses, two prompts", "sweep_61", GOAL.sweep)]);
}

function growth(results) {
  const sizes = { actions: [3, 30, 300], prompts: [1, 10, 100, 1000] };
  const rows = [];
  for (const [what, title] of [["adam_step", "Adam step"], ["exact", "exact minimiser"]]) {
    for (const loss of ["typo", "ipo"]) {
      for (const [axis, list] of Object.entries(sizes)) {
        const all = list.map((size) => row(results, `growth/${what}/${loss}/${axis}/${size}`));
        // The last decade: there nothing fixed is left to hide the growth.
        const order = (where) => Math.log10(all.at(-1)[where] / all.at(-2)[where]);
        const orders = [order("native"), order("chromium")];
        const most = ORDER[axis];
        const chain = (where) => all.map((r) => time(r[where])).join(" → ");
        rows.push([`${title}, ${NAMES[loss]}, ${list.join(" → ")} ${axis}`, chain("native"), chain("chromium"), ...orders.map((o) => o.toFixed(2)), most, verdict(orders.every((o) => o <= most + ORDER_SLACK))]);
      }
    }
  }
  return table(["", "native", "Chromium", "order, native", "order, Chromium", "goal", "met"], rows);
}

function page({ firstPaints, drags }) {
  const cells = (what, { median, p95, worst }, goal, held) => [what, ms(median), p95 === undefined ? NONE : ms(p95), ms(worst), goal ?? NONE, goal ? verdict(held) : NONE];
  const rows = [cells("first live figure, cold browser", { ...firstPaints, p95: undefined }, "median < 1 s", firstPaints.median < PAGE_GOAL.firstPaint)];
  for (const { name, dragged, single } of drags) {
    const within = (goal, sample) => [`95 % ≤ ${goal} ms`, sample.p95 <= goal];
    rows.push(cells(`${name}: from the browser’s event to figures drawn`, dragged.exact, ...within(PAGE_GOAL.exact, dragged.exact)));
    rows.push(cells(`${name}: until that frame is complete`, dragged.frame));
    rows.push(cells(`${name}: before it, waiting for the browser’s frame`, dragged.wait));
    rows.push(cells(`${name}: both, from the hand to figures drawn`, dragged.waited));
    if (!dragged.learning) continue;
    rows.push(cells(`${name}: learning curves, while dragging`, dragged.learning, ...within(PAGE_GOAL.learning, dragged.learning)));
    rows.push(cells(`${name}: learning curves, one move`, single.learning, ...within(PAGE_GOAL.learning, single.learning)));
  }
  return table(["", "median", "95 %", "worst", "goal", "met"], rows);
}

function longTasks({ firstPaints, openings, drags }) {
  const cells = (what, list) => [what, list.length, list.length ? ms(Math.max(...list)) : NONE, "none > 50 ms", verdict(list.length === 0)];
  const middle = (visits) => [...visits].sort((a, b) => a.length - b.length)[visits.length >> 1];
  const longest = Math.max(...openings.processor);
  const rows = [
    cells("opened in a browser that is just starting (median of five)", middle(firstPaints.longTasks)),
    cells("opened in a browser that has started (median of five)", middle(openings.longTasks)),
    ["the same, by the processor’s time", openings.processor.filter((t) => t > 50).length, ms(longest), "none > 50 ms", verdict(longest <= 50)],
    ...drags.map((d) => cells(`200 moves, ${d.name}`, d.longTasks)),
  ];
  return table(["long tasks on the main thread", "number", "longest", "goal", "met"], rows);
}

/** Whether any goal of the page is missed. */
export const pageMisses = (measured) => `${page(measured)}\n${longTasks(measured)}`.includes(verdict(false));

/** GFLOP/s of a product's microseconds. */
const gflops = (size, us) => (us ? `${digits((2 * size.split("x").reduce((all, n) => all * n, 1)) / us / 1e3)} GFLOP/s` : NONE);
const perSecond = (count, us) => (us ? `${digits((count * 1e6) / us)} tokens/s` : NONE);
/** Tokens of a whole step everywhere. */
const STEP_TOKENS = 512;

/** Ours natively, device by device, with PyTorch where it computes the same. */
function languageNatively(native, torch = {}) {
  const devices = Object.entries(native);
  const names = [...new Set(devices.flatMap(([, found]) => Object.keys(found)))];
  const forms = { NN: "A·B", NT: "A·Bᵀ", TN: "Aᵀ·B" };
  const cells = (name) => {
    const [size, what] = name.split("/");
    // Criterion counted operations of products and tokens of steps.
    if (what === "dpo-step") return [`whole DPO step, ${size} weights`, ...devices.map(([, f]) => perSecond(1, f[name])), perSecond(STEP_TOKENS, torch[`lm/step/${size}`])];
    if (what === "read") return [`its one read, ${size} weights`, ...devices.map(([, f]) => time(f[name])), NONE];
    const ours = devices.map(([, f]) => (f[name] ? `${digits(1 / f[name] / 1e3)} GFLOP/s` : NONE));
    return [`${size.replaceAll("x", "×")}, ${forms[what]}`, ...ours, what === "NN" ? gflops(size, torch[`lm/product/${size}`]) : NONE];
  };
  return table(["", ...devices.map(([name]) => name), "PyTorch, the CPU"], names.sort(byKind).map(cells));
}

/** Products first, then steps, then reads. */
const KINDS = [/x/, /step/, /read/];
const byKind = (a, b) => KINDS.findIndex((k) => k.test(a)) - KINDS.findIndex((k) => k.test(b));

/** Ours beside the browser's peers, all in one page. */
function languageInChromium(found) {
  const rows = [];
  const line = (what, of, said) => {
    const [ours, ...theirs] = [found.webgpu, found.tfjs, found["jax-js"]].map(of);
    const fastest = Math.min(...theirs.filter(Boolean));
    rows.push([what, ...[of(found.cpu), ours, ...theirs].map(said), times(fastest / ours), "fastest peer ÷ ours > 1", Number.isFinite(fastest) ? verdict(fastest > ours) : NONE]);
  };
  for (const size of Object.keys(found.webgpu.products)) line(size.replaceAll("x", "×"), (f) => f.products[size], (us) => gflops(size, us));
  line("whole DPO step, 0.9M weights", (f) => f.step, (us) => perSecond(STEP_TOKENS, us));
  rows.push(["its one read", time(found.cpu.read), time(found.webgpu.read), NONE, NONE, NONE, NONE, NONE]);
  const head = ["", "ours, the CPU’s path", "ours, WebGPU", "TensorFlow.js, WebGPU", "jax-js, WebGPU", "fastest peer ÷ ours, WebGPU", "goal", "met"];
  return table(head, rows);
}

function language({ native, chromium }, torch) {
  const parts = ["### The language model natively", languageNatively(native, torch)];
  if (chromium) parts.push(`### The language model in Chromium\n\nOn ${chromium.adapter}.`, languageInChromium(chromium));
  return parts;
}

function deviceLine({ date, cpu, cores, browser, node, rustc, loadBefore, loadAfter }) {
  const load = `Load average ${loadBefore.toFixed(1)} before the first measurement and ${loadAfter.toFixed(1)} after the last`;
  const noisy = Math.max(loadBefore, loadAfter) > cores;
  return [
    `${date}: ${cpu}, ${cores} cores; Chromium ${browser}, headless; Node ${node}; rustc ${rustc}.`,
    `${load}${noisy ? ": other programs kept the cores busy, so absolute times are too high; read the ratios." : "."}`,
  ].join("\n");
}

/** All tables as Markdown. */
export function tables(results) {
  return [
    deviceLine(results.device),
    "### The solver beside its peers\n\nMedians.",
    besidePeers(results),
    "### The solver alone",
    alone(results),
    "### Growth\n\nMedians by size, and the order of growth over the last tenfold.",
    growth(results),
    "### The page",
    page(results.page),
    longTasks(results.page),
    ...language(results.language, results.peers.pytorch),
  ].join("\n\n");
}

const [BEGIN, END] = ["<!-- measured: written by run.mjs -->", "<!-- /measured -->"];

/** Puts the tables between the markers of a file. */
export function rewrite(file, text) {
  const old = readFileSync(file, "utf8");
  const [begin, end] = [old.indexOf(BEGIN), old.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} has lost its markers ${BEGIN} and ${END}`);
  writeFileSync(file, `${old.slice(0, begin + BEGIN.length)}\n${text}\n${old.slice(end)}`);
}
