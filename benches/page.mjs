// How quickly the built page answers a hand: from a pointer's move to the figures that follow from it, and from a cold
// browser to the first live figure.

const VIEWPORT = { width: 1440, height: 900 };
const MOVES = 200;
const SINGLE_MOVES = 30;
const COLD_BROWSERS = 5;

/** Sixteen actions, each more likely than the one before. */
const RISING = Array.from({ length: 16 }, (_, k) => (k + 1) / 136).join();
const EVEN = Array(16).fill(1 / 16).join();

/** What is dragged. A slider's thumb goes to and fro on its track. All but the shapes' figures have learning curves that follow. */
const DRAGS = [
  { name: "interpolation, π*", fragment: "", handle: ".handle.star >> nth=0" },
  { name: "interpolation, π_ref", fragment: "", handle: ".handle.ref >> nth=0" },
  { name: "interpolation, λ", fragment: "", slider: "#lambda" },
  { name: "interpolation, α", fragment: "", slider: "#alpha" },
  { name: "heat map of 16 actions, λ", fragment: `#prompts.0.pi_ref=${EVEN}&prompts.0.pi_star=${RISING}`, slider: "#lambda" },
  { name: "preservation, bad prompt’s π*", fragment: "#preset=figure-3-preservation&view=preservation", handle: ".handle.star >> nth=1" },
  { name: "constraints, π*", fragment: "#preset=figure-3-constraint&view=constraints", handle: ".handle.star >> nth=0", learns: false },
  { name: "shapes, π*", fragment: "#view=shapes", handle: ".handle.star >> nth=0", learns: false },
];

/** Runs in the page before its own code: notes when moves come, canvases are painted, and the solver is asked and answers. */
function instrument() {
  const log = { moves: [], paints: [], shown: [], frames: [], starts: [], batches: [], longTasks: [] };
  window.__bench = log;

  // The message is heard once the frame's style, layout and paint are done, which follow its callbacks in the same task.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => (log.frames[data] = performance.now());
  // Learning curves may be drawn outside a frame, when their runs come: they are seen in the painter's next one, which is what counts.
  let inFrame = false;
  const ask = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) =>
    ask((now) => {
      inFrame = true;
      try {
        callback(now);
      } finally {
        inFrame = false;
      }
    });
  let painting = false;
  for (const name of ["setTransform", "clearRect", "fillRect"]) {
    const original = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...args) {
      if (inFrame && !painting && this.canvas.closest?.("#app")) {
        painting = true;
        // Microtasks wait for the painter's callback to end, so this is when all its canvases are drawn.
        queueMicrotask(() => {
          painting = false;
          // Until its figures are painted, the page waits behind its still.
          if (!document.querySelector("#app.waiting")) log.shown.push(performance.now());
          port2.postMessage(log.paints.push(performance.now()) - 1);
        });
      }
      return original.apply(this, args);
    };
  }

  const note = (e) => e.buttons & 1 && log.moves.push({ at: performance.now(), stamp: e.timeStamp });
  addEventListener("pointermove", note, { capture: true });

  const Native = Worker;
  window.Worker = class extends Native {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        const { Batch } = JSON.parse(data[0]);
        if (Batch?.done) log.batches.push({ at: performance.now(), run: Batch.run });
      });
    }
    postMessage(message, ...rest) {
      const { Start } = JSON.parse(message[0]);
      if (Start) log.starts.push({ at: performance.now(), run: Start.run });
      super.postMessage(message, ...rest);
    }
  };

  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) log.longTasks.push({ at: startTime, ms: duration });
  }).observe({ type: "longtask", buffered: true });
}

/** The value that a share of the sample does not exceed. */
export function quantile(sample, share) {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

const summary = (sample) => ({ n: sample.length, median: quantile(sample, 0.5), p95: quantile(sample, 0.95), worst: Math.max(...sample) });

/**
 * Milliseconds from each move to its figures: from the page's first listener to figures `exact` drawn, to the `frame` complete,
 * and to the `learning` curves where the view has some; from the input's own timestamp to that listener (`wait`) and to figures
 * drawn (`waited`).
 */
function latencies({ moves, paints, frames, starts, batches }, learns) {
  const paintAfter = (at) => paints.findIndex((p) => p > at);
  const exact = [];
  const frame = [];
  const wait = [];
  const waited = [];
  const learning = [];
  for (const { at, stamp } of moves) {
    const painted = paintAfter(at);
    if (painted < 0) throw new Error("a move was never painted");
    exact.push(paints[painted] - at);
    frame.push(frames[painted] - at);
    wait.push(at - stamp);
    waited.push(paints[painted] - stamp);
    if (!learns) continue;
    // While the solver works, newer wishes replace those that wait: a later run than this move's own shows its curves as well.
    const start = starts.find((s) => s.at >= at);
    const batch = start && batches.find((b) => b.run >= start.run);
    const learned = batch ? paintAfter(batch.at) : -1;
    if (learned < 0) throw new Error("a move's training run never arrived");
    learning.push(paints[learned] - at);
  }
  return { exact: summary(exact), frame: summary(frame), wait: summary(wait), waited: summary(waited), learning: learns ? summary(learning) : null };
}

async function settled(page) {
  await page.waitForSelector('#numbers[data-run-done="true"]', { state: "attached" });
  // Two frames, so that what the last batch brought is painted, and a moment for timers.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)))));
}

async function forget(page) {
  await page.evaluate(() => Object.values(window.__bench).forEach((list) => (list.length = 0)));
}

/** Where the hand begins, and its k-th place: a circle through a handle, on the side of the triangle's middle. */
async function circle(page, handle) {
  await page.locator(handle).scrollIntoViewIfNeeded();
  const at = await page.locator(handle).boundingBox();
  const frame = await page.locator(handle).locator("xpath=..").boundingBox();
  const [x, y] = [at.x + at.width / 2, at.y + at.height / 2];
  const radius = 0.1 * frame.width;
  const inward = Math.atan2(frame.y + 0.6 * frame.height - y, frame.x + frame.width / 2 - x);
  return (k) => {
    const turn = inward + Math.PI + (2 * Math.PI * k) / 100;
    return [x + radius * (Math.cos(inward) + Math.cos(turn)), y + radius * (Math.sin(inward) + Math.sin(turn))];
  };
}

/** To and fro over the middle of a slider's track, as far with every move, so that each changes the value. */
async function sway(page, slider) {
  await page.locator(slider).scrollIntoViewIfNeeded();
  const { x, y, width, height } = await page.locator(slider).boundingBox();
  const share = (k) => Math.abs(1 - ((k / 50) % 2));
  return (k) => [x + width * (0.2 + 0.6 * share(k)), y + height / 2];
}

async function drag(browser, url, { name, fragment, handle, slider, learns = true }) {
  // Without the opening animation, so that only the hand moves the figures.
  const context = await browser.newContext({ viewport: VIEWPORT, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.addInitScript(instrument);
  await page.goto(url + fragment);
  await settled(page);

  const place = handle ? await circle(page, handle) : await sway(page, slider);
  await page.mouse.move(...place(0));
  await page.mouse.down();
  for (let k = 1; k <= 20; k++) await page.mouse.move(...place(k));
  await settled(page);
  await forget(page);
  // Each move is answered before the next is sent, and the browser hands moves over once a frame: 60 a second at most.
  for (let k = 1; k <= MOVES; k++) await page.mouse.move(...place(20 + k));
  await settled(page);
  const dragged = await page.evaluate(() => window.__bench);

  await forget(page);
  for (let k = 1; k <= SINGLE_MOVES; k++) {
    await page.mouse.move(...place(20 + MOVES + k));
    await settled(page);
  }
  const single = await page.evaluate(() => window.__bench);
  await page.mouse.up();
  await context.close();
  return {
    name,
    seconds: (dragged.moves.at(-1).at - dragged.moves[0].at) / 1e3,
    dragged: latencies(dragged, learns),
    single: latencies(single, learns),
    longTasks: dragged.longTasks.map((t) => t.ms),
  };
}

/** One browser for all drags. */
export async function drags(launch, url) {
  const browser = await launch();
  try {
    const results = [];
    for (const what of DRAGS) results.push(await drag(browser, url, what));
    return results;
  } finally {
    await browser.close();
  }
}

/** Milliseconds from navigation to the first figures that can be seen, in browsers just started, with their long tasks. */
export async function firstPaints(launch, url) {
  const [paints, longTasks] = [[], []];
  for (let k = 0; k < COLD_BROWSERS; k++) {
    const browser = await launch();
    const page = await browser.newPage({ viewport: VIEWPORT });
    await page.addInitScript(instrument);
    await page.goto(url, { waitUntil: "commit" });
    await page.waitForFunction(() => window.__bench.shown.length > 0, null, { polling: 100 });
    // The opening animation begins here; two seconds of it.
    await page.waitForTimeout(2_000);
    const log = await page.evaluate(() => window.__bench);
    paints.push(log.shown[0]);
    longTasks.push(log.longTasks.map((t) => t.ms));
    await browser.close();
  }
  return { ...summary(paints), longTasks };
}

/** Milliseconds that a started browser rests before it is measured, so that it is done with itself. */
const STARTED = 4_000;

/**
 * What opening the page asks of the main thread in a browser that has started and has never seen it: its long tasks, and the
 * processor's time of its longest task, which is the page's own part where other threads and programs take their turns.
 */
export async function openings(launch, url) {
  const browser = await launch();
  const found = { longTasks: [], processor: [] };
  try {
    const trace = await browser.newBrowserCDPSession();
    const rest = await browser.newPage();
    await rest.waitForTimeout(STARTED);
    for (let k = 0; k < COLD_BROWSERS; k++) {
      const events = [];
      const keep = ({ value }) => events.push(...value);
      trace.on("Tracing.dataCollected", keep);
      await trace.send("Tracing.start", { traceConfig: { includedCategories: ["toplevel", "devtools.timeline"] } });
      const context = await browser.newContext({ viewport: VIEWPORT });
      const page = await context.newPage();
      await page.addInitScript(instrument);
      await page.goto(url, { waitUntil: "commit" });
      await page.waitForTimeout(2_500);
      found.longTasks.push(await page.evaluate(() => window.__bench.longTasks.map((t) => t.ms)));
      const complete = new Promise((done) => trace.once("Tracing.tracingComplete", done));
      await trace.send("Tracing.end");
      await complete;
      trace.off("Tracing.dataCollected", keep);
      found.processor.push(longestTask(events, url));
      await context.close();
    }
    return found;
  } finally {
    await browser.close();
  }
}

/** Milliseconds of the processor that the longest task of the page's main thread took. */
function longestTask(events, url) {
  const ours = events.find((e) => e.name === "FunctionCall" && e.args?.data?.url?.startsWith(`${url}app.js`));
  const tasks = events.filter((e) => e.name === "ThreadControllerImpl::RunTask" && e.pid === ours?.pid && e.tid === ours?.tid && e.tdur);
  if (tasks.length === 0) throw new Error("the trace holds no task of the page");
  return Math.max(...tasks.map((t) => t.tdur)) / 1e3;
}
