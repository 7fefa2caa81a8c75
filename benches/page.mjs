// How quickly the built page answers a hand: from a pointer's move to the figures that follow from it, and from a cold
// browser to the first live figure.

const VIEWPORT = { width: 1440, height: 900 };
const MOVES = 200;
const SINGLE_MOVES = 30;
const COLD_BROWSERS = 5;

/** What is dragged. Every handle moves both kinds of curves. */
const DRAGS = [
  { name: "interpolation, π*", fragment: "", handle: ".handle.star >> nth=0" },
  { name: "interpolation, π_ref", fragment: "", handle: ".handle.ref >> nth=0" },
  { name: "preservation, bad prompt’s π*", fragment: "#preset=figure-3-preservation&view=preservation", handle: ".handle.star >> nth=1" },
];

/** Runs in the page before its own code: notes when moves come, canvases are painted, and the solver is asked and answers. */
function instrument() {
  const log = { moves: [], paints: [], frames: [], starts: [], batches: [], longTasks: [] };
  window.__bench = log;

  // The message is heard once the frame's style, layout and paint are done, which follow its callbacks in the same task.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => (log.frames[data] = performance.now());
  let painting = false;
  for (const name of ["setTransform", "clearRect", "fillRect"]) {
    const original = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...args) {
      if (!painting && this.canvas.closest?.("#app")) {
        painting = true;
        // Microtasks wait for the painter's callback to end, so this is when all its canvases are drawn.
        queueMicrotask(() => {
          painting = false;
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

/** Milliseconds from each move to its painted figures. */
function latencies({ moves, paints, frames, starts, batches }) {
  const paintAfter = (at) => paints.findIndex((p) => p > at);
  const exact = [];
  const frame = [];
  const waited = [];
  const learning = [];
  for (const { at, stamp } of moves) {
    const painted = paintAfter(at);
    // While the solver works, newer wishes replace those that wait: a later run than this move's own shows its curves as well.
    const start = starts.find((s) => s.at >= at);
    const batch = start && batches.find((b) => b.run >= start.run);
    const learned = batch ? paintAfter(batch.at) : -1;
    if (painted < 0 || learned < 0) throw new Error("a move was never painted, or its training run never arrived");
    exact.push(paints[painted] - at);
    frame.push(frames[painted] - at);
    waited.push(paints[painted] - stamp);
    learning.push(paints[learned] - at);
  }
  return { exact: summary(exact), frame: summary(frame), waited: summary(waited), learning: summary(learning) };
}

async function settled(page) {
  await page.waitForSelector('#numbers[data-run-done="true"]', { state: "attached" });
  // Two frames, so that what the last batch brought is painted, and a moment for timers.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)))));
}

async function forget(page) {
  await page.evaluate(() => Object.values(window.__bench).forEach((list) => (list.length = 0)));
}

async function drag(browser, url, { name, fragment, handle }) {
  // Without the opening animation, so that only the hand moves the figures.
  const context = await browser.newContext({ viewport: VIEWPORT, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.addInitScript(instrument);
  await page.goto(url + fragment);
  await settled(page);

  const at = await page.locator(handle).boundingBox();
  const frame = await page.locator(handle).locator("xpath=..").boundingBox();
  const [x, y] = [at.x + at.width / 2, at.y + at.height / 2];
  // A circle through the handle, on the side of the triangle's middle.
  const radius = 0.1 * frame.width;
  const inward = Math.atan2(frame.y + 0.6 * frame.height - y, frame.x + frame.width / 2 - x);
  const place = (k) => {
    const turn = inward + Math.PI + (2 * Math.PI * k) / 100;
    return [x + radius * (Math.cos(inward) + Math.cos(turn)), y + radius * (Math.sin(inward) + Math.sin(turn))];
  };

  await page.mouse.move(x, y);
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
    dragged: latencies(dragged),
    single: latencies(single),
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

/** Milliseconds from navigation to the first painted canvas, in browsers just started, with their long tasks. */
export async function firstPaints(launch, url) {
  const [paints, longTasks] = [[], []];
  for (let k = 0; k < COLD_BROWSERS; k++) {
    const browser = await launch();
    const page = await browser.newPage({ viewport: VIEWPORT });
    await page.addInitScript(instrument);
    await page.goto(url, { waitUntil: "commit" });
    await page.waitForFunction(() => window.__bench.paints.length > 0, null, { polling: 100 });
    // The opening animation begins here; two seconds of it.
    await page.waitForTimeout(2_000);
    const log = await page.evaluate(() => window.__bench);
    paints.push(log.paints[0]);
    longTasks.push(log.longTasks.map((t) => t.ms));
    await browser.close();
  }
  return { ...summary(paints), longTasks };
}
