// An hour of a restless hand, compressed: random changes of every control, without a panic, a leak, or a stale number.
import { compare, compareShown, expect, note, open, settled, test, trained } from "./helpers.mjs";

const ACTIONS = 20_000;
/** Changes between two rests, at which all that is shown is compared with the headless program. */
const ROUND = 2_000;
/** Changes a frame: faster than any hand. */
const PER_FRAME = 10;
/** Bytes that the page's, the program's and the solver's memory together may grow by after the first round, which fills caches and undo's list. */
const GROWTH = 12 * 2 ** 20;

/** One round of random changes, by the seed. Runs in the page. */
async function restless({ seed, actions, perFrame }) {
  let state = seed;
  const random = () => {
    // xorshift32: the same hand in every run.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const pick = (list) => list[Math.floor(random() * list.length)];
  const all = (selector) => [...document.querySelectorAll(selector)];
  for (const closed of all(".controls details:not([open]) > summary")) closed.click();

  // Of steps there are few, so that what the hand leaves is trained soon.
  const SLIDERS = "#lambda, #alpha, #rate, #clip, #seed, #data-seed, #draws, #batch, #time, #gamma, #divergence-alpha, [id^=mu-alpha], [id^=policy-]";
  const kinds = [
    [12, () => slide(pick(all(SLIDERS)))],
    [3, () => pick(all(".handle"))?.dispatchEvent(new KeyboardEvent("keydown", { key: pick(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]), bubbles: true }))],
    [2, () => pick(all(".segments button").filter((b) => !(fromReference && b.textContent === "from where it stands")))?.click()],
    [0.5, () => pick(all("[aria-label='how a step is taken'] button, [aria-label$=' prompt’s reference'] button"))?.click()],
    [0.3, () => typed(field("#steps"), pick(["1", "90", "300", "600"]))],
    [1, () => pick(all(".member input:enabled"))?.click()],
    [1, () => pick(all(".legend .entry"))?.click()],
    [1, () => pick(all(".transport button"))?.click()],
    [1, () => chosen(pick(all("select:is([id^=psi], [id^=mu], #divergence, #speed)")))],
    [0.3, () => chosen(document.querySelector("#preset"))],
    [0.3, () => pick(all("button").filter((b) => /^(Add a ψ and μ of your own|Remove)$/.test(b.textContent)))?.click()],
    [0.5, () => typed(pick(all("input[aria-label*=' wins of ']")), pick(["0", "1", "7", "40", "-3"]))],
    [0.2, () => typed(field("#runs"), pick(["1", "2", "3"]))],
    [0.2, () => typed(field("#prompts"), pick(["1", "2", "3"]))],
    [0.3, () => pick(all("#tour, #invitation, .story button"))?.click()],
    [0.2, () => pick(all("button").filter((b) => b.textContent === "Share"))?.click()],
    [0.4, () => pick(all("dialog[open] button").filter((b) => b.textContent === "Close"))?.click()],
    [1, () => pick(all("button[aria-label=Undo]:enabled, button[aria-label=Redo]:enabled"))?.click()],
    [0.3, () => pick(all(".bar nav button"))?.click()],
    [0.2, () => pick(all("button.scheme"))?.click()],
    [0.2, () => typed(field("#actions"), pick(["2", "3", "4", "7"]))],
    [0.2, () => typed(field("#lambda"), pick(["abc", "-1", "0.1", "1e13", "1e-5"]))],
  ];
  function field(slider) {
    return document.querySelector(`.slider:has(${slider}) .field`);
  }
  function chosen(select) {
    if (!select) return;
    select.value = pick([...select.options].filter((o) => !o.disabled)).value;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  }
  function slide(input) {
    if (!input) return;
    input.value = String(Math.floor(random() * 1001));
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  function typed(input, text) {
    if (!input) return;
    input.value = text;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
  // A run that went on from elsewhere is nobody else's: the last ones all begin at π_ref.
  let fromReference = false;
  for (let k = 0; k < actions; k++) {
    if (k === actions - 300) {
      all(".segments button").find((b) => b.textContent === "from πref")?.click();
      fromReference = true;
    }
    let at = random() * total;
    kinds.find(([weight]) => (at -= weight) < 0)?.[1]();
    if (k % perFrame === perFrame - 1) await new Promise(requestAnimationFrame);
  }
}

/** Keeps hold of the solver's memory, which its worker shows nobody. */
const HELD = `const compile = WebAssembly.instantiateStreaming;
WebAssembly.instantiateStreaming = async (...given) => {
  const made = await compile(...given);
  self.held = made.instance.exports.memory;
  return made;
};
`;

/** Bytes of the page's heap, of its program's memory and of the solver's, after a collection. */
async function memory(page, client) {
  await client.send("HeapProfiler.collectGarbage");
  const { metrics } = await client.send("Performance.getMetrics");
  const { result } = await client.send("Runtime.evaluate", { expression: "WebAssembly.Memory.prototype" });
  const { objects } = await client.send("Runtime.queryObjects", { prototypeObjectId: result.objectId });
  const { result: size } = await client.send("Runtime.callFunctionOn", {
    objectId: objects.objectId,
    functionDeclaration: "function () { return this.reduce((sum, m) => sum + m.buffer.byteLength, 0); }",
    returnByValue: true,
  });
  const solver = await page.workers()[0].evaluate(() => self.held.buffer.byteLength);
  return { heap: metrics.find((m) => m.name === "JSHeapUsedSize").value, program: size.value, solver };
}

/**
 * What the hand has left: minimisers are the headless program's, and the runs are, to the last bit, those of a page that opens the same
 * address. The program's own would part from them where a hand's learning rate makes them leap.
 */
async function compareLeft(page) {
  // A language model's runs begin by its own buttons alone; the other views keep what was left there.
  if ((await page.locator(".language").count()) > 0) await page.locator(".bar nav button").first().click();
  // The address of what plays has no moment.
  await page.locator(".transport .primary").evaluateAll((all) => all.filter((b) => b.textContent === "Pause").forEach((b) => b.click()));
  await settled(page);
  if ((await page.locator(".shapes").count()) === 0) await compareShown(page);
  const fresh = await page.context().newPage();
  await fresh.goto(page.url());
  await settled(fresh);
  const runs = await trained(page);
  expect(runs.length).toBeGreaterThan(0);
  expect(runs, page.url()).toEqual(await trained(fresh));
  await fresh.close();
}

test("20,000 random changes leave no fault, no growth, and no stale number", async ({ page }) => {
  test.setTimeout(1_800_000);
  await page.setViewportSize({ width: 700, height: 700 });
  await page.route("**/solver_worker_loader.js*", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: HELD + (await response.text()) });
  });
  const quick = "optimiser.steps=300&losses.3.steps=300&optimiser.record_every=50&sweep.points=9";
  await open(page, quick);
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  let first = null;
  for (let round = 0; round < ACTIONS / ROUND; round++) {
    await page.evaluate(restless, { seed: 1 + round, actions: ROUND, perFrame: PER_FRAME });
    await expect(page.locator("#trouble")).toBeHidden();
    await page.keyboard.press("Escape");
    await compareLeft(page);
    // Then the known short experiment.
    await page.evaluate(([quick, round]) => (location.hash = `${quick}&lambda=${0.05 * (1 + round)}`), [quick, round]);
    await expect(page.locator("#lambda")).toBeVisible();
    await settled(page);
    await compare(page, "soak");
    const now = await memory(page, client);
    first ??= now;
    note(`after ${String((round + 1) * ROUND).padStart(6)} changes   heap ${(now.heap / 2 ** 20).toFixed(1)} MB, program ${(now.program / 2 ** 20).toFixed(1)} MB, solver ${(now.solver / 2 ** 20).toFixed(1)} MB`);
    expect(now.heap + now.program + now.solver - first.heap - first.program - first.solver).toBeLessThan(GROWTH);
  }
});
