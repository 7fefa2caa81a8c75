// The view of the language model: trained in a worker on the CPU, read off, asked, paused, stopped, and given files that are none.
import { readFileSync } from "node:fs";

import { AxeBuilder } from "@axe-core/playwright";

import { expect, notice, open, test } from "./helpers.mjs";

const CPU = "view=language&device=cpu&optimiser.batch_size=4&optimiser.record_every=5";
const bar = (page) => page.getByRole("group", { name: "Training", exact: true });
const button = (page, name) => bar(page).getByRole("button", { name, exact: true });
const canvases = (page, kind) => page.locator(`.language canvas[data-figure="${kind}"]`).evaluateAll((all) => all.map((c) => c.toDataURL()));
/** Distances that the table has: a list a loss, by what they are of. */
const table = (page) =>
  page.locator(".measured tbody tr").evaluateAll((rows) =>
    Object.fromEntries(rows.map((r) => [r.dataset.loss, [...r.querySelectorAll("[data-of]")].map((c) => [c.dataset.of, c.dataset.nats === undefined ? null : Number(c.dataset.nats)])])),
  );
const stepOf = async (page) => Number((await bar(page).locator(".at").textContent()).match(/step (\d+)/)[1]);

/** Presses a button of the bar, and waits until what it trains is done. */
async function train(page, name) {
  await button(page, name).click();
  await expect(page.locator("#numbers")).toHaveAttribute("data-run-done", "true");
}

async function ready(page, fragment) {
  await open(page, fragment);
  await expect(page.locator(".language .status")).toContainText("Computed on the CPU; 236,928 parameters; a training takes");
}

test("all five losses are trained, move on the triangles, and the table says what the runs say", async ({ page }) => {
  await ready(page, `${CPU}&optimiser.steps=15`);
  await expect(page.locator(".language .answers li")).toHaveCount(6);
  await expect(page.locator("h1")).toHaveText("The same losses on a language model.");
  const pictures = async () => ({ triangle: await canvases(page, "triangle"), learning: await canvases(page, "learning"), distances: await canvases(page, "distances") });
  const before = await pictures();
  expect(Object.values(await table(page)).flat().filter(([of]) => of !== "theory").every(([, nats]) => nats === null)).toBe(true);

  // Panels without a run show nothing, and are not there.
  const panels = page.locator('.language canvas[data-figure="learning"]').filter({ visible: true });
  const titles = page.locator(".language h2", { hasText: "While training" }).filter({ visible: true });
  await expect(panels).toHaveCount(0);
  await expect(titles).toHaveCount(0);

  await train(page, "Train all five");
  await expect(button(page, "Train all five")).toBeVisible();
  await expect(panels).toHaveCount(2);
  await expect(titles).toHaveCount(2);
  const after = await pictures();
  for (const kind of ["triangle", "learning", "distances"]) {
    expect(after[kind].length, kind).toBe(2);
    after[kind].forEach((picture, k) => expect(picture, `${kind} ${k}`).not.toBe(before[kind][k]));
  }
  await expect(page.locator("h1")).not.toHaveText("The same losses on a language model.");

  // What the table says of seen questions is KL(π* ‖ π) of the policies that the runs recorded.
  const star = { good: [0.6, 0.3, 0.1], bad: [0.4, 0.2, 0.4] };
  const rows = await page.locator("#numbers [data-trained]").evaluateAll((all) => all.map((r) => ({ ...r.dataset, step: Number(r.cells[2].textContent) })));
  const shown = await table(page);
  expect(rows.length).toBe(10);
  for (const { loss, prompt, trained, step } of rows) {
    expect(step).toBe(15);
    const pi = JSON.parse(trained);
    expect(Math.abs(pi.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-9);
    const nats = star[prompt].reduce((sum, p, y) => sum + p * Math.log(p / pi[y]), 0);
    const [, told] = shown[loss].filter(([of]) => of === "measured")[prompt === "good" ? 0 : 1];
    expect(Math.abs(told - nats), `${loss}, ${prompt}`).toBeLessThan(1e-9);
  }
  expect(Object.values(shown).flat().every(([, nats]) => nats > -1e-12)).toBe(true);
  // Fifteen steps leave nearly all to the three answers, and the table says how much they do not.
  for (const said of await page.locator(".measured [data-of=measured] small").allTextContents()) expect(Number(said.match(/^(\d\.\d) % other texts$/)?.[1])).toBeLessThan(5);
  await expect(page.locator(".measured small", { hasText: "other texts" })).toHaveCount(10);

  // The curves in numbers are those of the seen questions: no band over what was held out.
  await page.locator("#learning-numbers summary").click();
  const ends = await page.locator("#learning-numbers tbody tr").last().locator("td").allTextContents();
  expect(ends).toHaveLength(10);
  ends.forEach((text, k) => {
    const row = rows.find((r) => r.loss === ["rlhf", "dpo", "ipo", "f-dpo", "typo"][k % 5] && r.prompt === ["good", "bad"][Math.floor(k / 5)]);
    expect(text).toBe(`(${JSON.parse(row.trained).map((p) => p.toFixed(2)).join(", ")})step 15`);
  });

  // The batches' figures as a table: each loss after every tenth of the steps, rounded up, and at the end.
  await page.getByText("These figures as a table").click();
  const batches = page.getByRole("region", { name: "On the training’s batches" }).locator("tbody tr");
  await expect(batches).toHaveCount(40);
  const lines = await batches.evaluateAll((all) => all.map((r) => [...r.cells].map((c) => c.textContent)));
  expect(lines.map(([loss, step]) => `${loss} ${step}`)).toEqual(["RLHF", "DPO", "IPO", "f-DPO", "TYPO"].flatMap((loss) => [2, 4, 6, 8, 10, 12, 14, 15].map((step) => `${loss} ${step}`)));
  // RLHF sees no pairs.
  for (const [loss, , , margin, accuracy] of lines) loss === "RLHF" ? expect([margin, accuracy]).toEqual(["—", "—"]) : expect(Number(accuracy), loss).toBeGreaterThanOrEqual(0);
});

test("a training waits within a step, goes one step at a time, goes on, and stops with what it reached", async ({ page }) => {
  await ready(page, `${CPU}&optimiser.steps=400&only=1`);
  await button(page, "Train DPO").click();
  await expect.poll(() => stepOf(page)).toBeGreaterThan(3);
  await button(page, "Pause").click();
  await expect(button(page, "Go on")).toBeVisible();
  const paused = await stepOf(page);
  await page.waitForTimeout(1500);
  expect(await stepOf(page)).toBe(paused);
  await button(page, "Step").click();
  await expect.poll(() => stepOf(page)).toBe(paused + 1);
  await page.waitForTimeout(500);
  expect(await stepOf(page)).toBe(paused + 1);
  await button(page, "Go on").click();
  await expect.poll(() => stepOf(page)).toBeGreaterThan(paused + 3);
  await button(page, "Stop").click();
  await expect(button(page, "Train DPO")).toBeEnabled();
  const trained = page.locator("#numbers [data-loss=dpo]").first();
  expect(Number(await trained.locator("td").nth(1).textContent())).toBeGreaterThanOrEqual(5);
  // Nothing of the others: they were not trained.
  expect(await page.locator("#numbers [data-loss=typo]").first().getAttribute("data-trained")).toBe("[]");
});

test("a question is answered before training, and after it beside that", async ({ page }) => {
  await ready(page, `${CPU}&optimiser.steps=5&only=4`);
  const told = (name) => page.getByRole("region", { name, exact: true }).locator(".tokens");
  await page.getByRole("textbox", { name: "temperature" }).fill("0");
  await page.getByRole("button", { name: "Answer" }).click();
  await expect(told("Before")).toContainText("Eat at the station");
  await expect(page.getByRole("region", { name: "After TYPO" })).toHaveCount(0);
  await train(page, "Train TYPO");
  await page.getByRole("combobox", { name: "Your question" }).fill("I am Ada, just off the train in Aachen. How do I get to my hotel?");
  await page.getByRole("button", { name: "Answer" }).click();
  await expect(told("Before")).toContainText("Take the tram to the old bridge");
  await expect(told("After TYPO")).toContainText(/\w+ .+/);
  // Each token has its probability and the likeliest in its place.
  expect(await told("Before").locator("span").first().getAttribute("title")).toMatch(/^[01]\.\d{3}; likeliest here: “[^”]+” [01]\.\d{3}, /);
});

test("LoRA's rank and supervised steps are slid from none, by keys and by a press on their tracks", async ({ page }) => {
  await ready(page, CPU);
  await page.locator(".own > summary").click();
  for (const [id, kept] of [["#lm-lora", "lora-"], ["#lm-sft", "sft-"]]) {
    const range = page.locator(id);
    const says = (text) => expect(range, id).toHaveAttribute("aria-valuetext", text);
    await says("0");
    await range.focus();
    for (const [key, text] of [["ArrowRight", "1"], ["ArrowRight", "2"], ["ArrowLeft", "1"], ["ArrowLeft", "0"], ["ArrowLeft", "0"]]) {
      await page.keyboard.press(key);
      await says(text);
    }
    const { width, height } = await range.boundingBox();
    await range.click({ position: { x: width / 2, y: height / 2 } });
    // The controls follow in a task of their own.
    await expect(range, id).not.toHaveAttribute("aria-valuetext", "0");
    const value = Number(await range.getAttribute("aria-valuetext"));
    expect(value).toBeGreaterThan(2);
    expect(value).toBeLessThan(40);
    await expect.poll(() => page.url()).toContain(`${kept}${value}`);
  }
});

test("what a page does not take on is said before it is asked for, and is mended by an edit", async ({ page }) => {
  await open(page, `${CPU}&optimiser.steps=20000`);
  await expect(page.locator(".language .status")).toContainText("20000 steps are more than the 10000 that a page takes on");
  await expect(button(page, "Train all five")).toBeDisabled();
  await page.evaluate((fragment) => (location.hash = fragment), `${CPU}&optimiser.steps=20`);
  await expect(page.locator(".language .status")).toContainText("a training takes");
  await expect(button(page, "Train all five")).toBeEnabled();
});

test("the memory told is that of the losses that a press would train", async ({ page }) => {
  await ready(page, CPU);
  const megabytes = async () => Number((await page.locator(".language .status").textContent()).match(/takes (\d+) MB/)[1]);
  const all = await megabytes();
  await page.locator(".legend").getByRole("button", { name: "DPO", exact: true }).click();
  // Nothing is drawn for DPO, and there is no second model.
  await expect.poll(megabytes).toBeLessThan(0.8 * all);
  await page.locator(".legend").getByRole("button", { name: "DPO", exact: true }).click();
  await expect.poll(megabytes).toBe(all);
});

test("a reload frees what was trained, and its worker", async ({ page }) => {
  await ready(page, `${CPU}&optimiser.steps=10&only=1`);
  await train(page, "Train DPO");
  const [before] = page.workers();
  await page.reload();
  await expect(page.locator(".language .status")).toContainText("a training takes");
  expect(page.workers().length).toBe(1);
  expect(page.workers()[0]).not.toBe(before);
  expect(Object.values(await table(page)).flat().filter(([of]) => of !== "theory").every(([, nats]) => nats === null)).toBe(true);
});

test("what was trained stays on screen where another device is wished for", async ({ page }) => {
  await ready(page, `${CPU}&optimiser.steps=10&only=1`);
  await train(page, "Train DPO");
  const trained = await table(page);
  await page.locator(".own summary").first().click();
  await page.getByRole("button", { name: "the best", exact: true }).click();
  await expect(page.locator(".language .status")).toContainText("This browser offers no WebGPU");
  expect(await table(page)).toEqual(trained);
  await expect(page.locator(".progress-figures canvas")).toHaveCount(6);
});

test("an answer is drawn as the fields say, and what is no such number is told", async ({ page }) => {
  await ready(page, CPU);
  const answer = page.getByRole("button", { name: "Answer", exact: true });
  for (const [label, typed, said] of [
    ["temperature", "warm", "temperature: got “warm”, expected a number from 0 to 10."],
    ["top k, 0 for all", "-1", "top k, 0 for all: got “-1”, expected a whole number from 0 to 100000."],
    ["top k, 0 for all", "1,000", "top k, 0 for all: got “1,000”, expected a whole number from 0 to 100000."],
    ["top p", "0", "top p: got “0”, expected a number from 0.01 to 1."],
    ["repetition penalty", "", "repetition penalty: got “”, expected a number from 0.1 to 10."],
  ]) {
    const field = page.getByRole("textbox", { name: label, exact: true });
    const before = await field.inputValue();
    await field.fill(typed);
    await answer.click();
    await expect(notice(page)).toHaveText(said);
    await expect(page.locator(".answers-told")).toHaveCount(0);
    await field.fill(before);
  }
  // A decimal comma is a comma.
  await page.getByRole("textbox", { name: "temperature", exact: true }).fill("0,8");
  // Of one token there is no choice: whatever the draws, the likeliest answer.
  await page.getByRole("textbox", { name: "top k, 0 for all" }).fill("1");
  for (let k = 0; k < 3; k++) {
    await answer.click();
    await expect(page.getByRole("region", { name: "Before", exact: true }).locator(".tokens")).toContainText("Eat at the station; the kitchen is open all night.");
  }
});

test("the weights are saved as the files they were read from, and can be dropped in again", async ({ page }) => {
  await ready(page, CPU);
  const saved = [];
  page.on("download", (d) => saved.push(d));
  await page.locator(".own summary").first().click();
  await page.getByRole("button", { name: "Save weights", exact: true }).click();
  await expect.poll(() => saved.length).toBe(3);
  const files = Object.fromEntries(await Promise.all(saved.map(async (d) => [d.suggestedFilename(), [...readFileSync(await d.path())]])));
  expect(Object.keys(files).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  const transfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const [name, bytes] of Object.entries(files)) transfer.items.add(new File([new Uint8Array(bytes)], name));
    return transfer;
  }, files);
  await page.locator(".language").dispatchEvent("drop", { dataTransfer: transfer });
  // A model of one's own has no triangles.
  await expect(page.locator(".language .triangle")).toHaveCount(0);
  await expect(page.locator(".language .status")).toContainText("236,928 parameters");
  await expect(page.locator(".language .status")).toContainText("A model of your own needs preferences: choose a file of JSON lines.");
  await expect(button(page, "Train all five")).toBeDisabled();
  // Preferences by their own name, and another device: both stay.
  const pair = JSON.stringify({ prompt: "Where?", chosen: " Here.", rejected: " There." });
  const mine = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "mine.txt"));
    return transfer;
  }, `${pair}\n${pair}\n`);
  await page.locator(".language").dispatchEvent("drop", { dataTransfer: mine });
  await expect(page.locator(".language .status")).toContainText("2 pairs of your own");
  // What cannot be read leaves them as they were, for another device too.
  await page.locator("#lm-pairs").setInputFiles({ name: "bad.jsonl", mimeType: "text/plain", buffer: Buffer.from("not JSON") });
  await expect(notice(page)).toContainText("line 1");
  await page.getByRole("button", { name: "the best", exact: true }).click();
  await expect(page.locator(".language .status")).toContainText("This browser offers no WebGPU");
  await expect(page.locator(".language .status")).toContainText("2 pairs of your own");
  await expect(page.locator(".language .triangle")).toHaveCount(0);
  await expect(button(page, "Train all five")).toBeEnabled();
});

test("a folder that is dropped stands for its files", async ({ page }) => {
  await ready(page, CPU);
  const { x, y, width } = await page.locator(".language").boundingBox();
  const client = await page.context().newCDPSession(page);
  const drop = async (path) => {
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await client.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + 20, data: { items: [], files: [path], dragOperationsMask: 1 } });
    }
  };
  const model = new URL("../../static/lm/world", import.meta.url).pathname;
  await drop(model);
  await expect(page.locator(".language .status")).toContainText("A model of your own needs preferences");
  await drop(new URL("looks", import.meta.url).pathname);
  await expect(notice(page)).toContainText("config.json is not among the chosen files");
});

test("files of two models leave a way back", async ({ page }) => {
  await ready(page, CPU);
  await page.locator(".own summary").first().click();
  const read = (name) => readFileSync(new URL(`../../static/lm/world/${name}`, import.meta.url));
  const config = JSON.parse(read("config.json"));
  const files = [["config.json", Buffer.from(JSON.stringify({ ...config, n_layer: config.n_layer + 1 }))], ...["model.safetensors", "tokenizer.json"].map((name) => [name, read(name)])];
  await page.locator("#lm-model").setInputFiles(files.map(([name, buffer]) => ({ name, mimeType: "application/octet-stream", buffer })));
  await expect(page.locator(".language .notice")).toContainText(/h\.\d|layer/);
  await expect(button(page, "Train all five")).toBeDisabled();
  await page.getByRole("button", { name: "Start again", exact: true }).click();
  await expect(page.locator(".language .status")).toContainText("a training takes");
});

test("files that are no model are refused in one sentence, and the small world can be opened again", async ({ page }) => {
  await ready(page, CPU);
  await page.locator(".own summary").click();
  const alert = page.locator(".notice[role=alert] p");
  const [model, pairs] = [page.locator(".own input[type=file]").first(), page.locator(".own input[type=file]").last()];
  await pairs.setInputFiles({ name: "pairs.jsonl", mimeType: "text/plain", buffer: Buffer.from("not JSON") });
  await expect(alert).toContainText(/line 1/i);
  await model.setInputFiles([{ name: "config.json", mimeType: "application/json", buffer: Buffer.from("{}") }]);
  await expect(alert).toContainText(/config\.json|not among the chosen files|tokenizer/);
  await page.reload();
  await expect(page.locator(".language .status")).toContainText("236,928 parameters");
});

test("nothing is to be found fault with, in light and dark, narrow and wide", async ({ page }) => {
  await ready(page, `${CPU}&optimiser.steps=5&only=1`);
  await train(page, "Train DPO");
  await page.getByRole("button", { name: "Answer" }).click();
  await expect(page.getByRole("region", { name: "After DPO" })).toBeVisible();
  await page.locator("details").evaluateAll((all) => all.forEach((d) => (d.open = true)));
  for (const colorScheme of ["light", "dark"]) {
    for (const contrast of ["no-preference", "more"]) {
      await page.emulateMedia({ colorScheme, contrast });
      const { violations } = await new AxeBuilder({ page }).exclude("tbody tr:nth-child(n + 4)").analyze();
      expect(violations.map((v) => `${colorScheme} ${contrast} ${v.id}: ${v.nodes.map((n) => n.target).join(", ")}`)).toEqual([]);
    }
  }
  for (const width of [360, 768, 1440, 3840]) {
    await page.setViewportSize({ width, height: 1000 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth), `${width} px`).toBeLessThanOrEqual(width);
  }
  // Every view's name can be reached without scrolling.
  await page.setViewportSize({ width: 360, height: 800 });
  const names = await page.locator(".bar nav button").evaluateAll((all) => all.map((b) => b.getBoundingClientRect().right));
  expect(names.length).toBe(5);
  expect(Math.max(...names)).toBeLessThanOrEqual(360);
});

test("the page stays up where no worker can be had", async ({ page, expected }) => {
  expected.push(/lm_worker|Failed to load|404/);
  await page.route("**/lm_worker_loader.js*", (route) => route.fulfill({ status: 404, body: "" }));
  await open(page, CPU);
  await expect(page.locator(".language [role=alert] p")).toContainText("The language model could not be started.");
  await expect(page.getByRole("button", { name: "Start again" })).toBeVisible();
  await page.unroute("**/lm_worker_loader.js*");
  await page.getByRole("button", { name: "Start again" }).click();
  await expect(page.locator(".language .status")).toContainText("236,928 parameters");
});

test("nothing is trained while nobody sees the page, and it goes on afterwards", async ({ page }) => {
  await ready(page, `${CPU}&optimiser.steps=400&only=1`);
  const hide = (hidden) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await button(page, "Train DPO").click();
  await expect.poll(() => stepOf(page)).toBeGreaterThan(2);
  await hide(true);
  await expect(button(page, "Go on")).toBeVisible();
  const waits = await stepOf(page);
  await page.waitForTimeout(1000);
  expect(await stepOf(page)).toBe(waits);
  await hide(false);
  await expect.poll(() => stepOf(page)).toBeGreaterThan(waits + 2);
  // A pause of the reader's own stays.
  await button(page, "Pause").click();
  await expect(button(page, "Go on")).toBeVisible();
  await hide(true);
  await hide(false);
  await page.waitForTimeout(1000);
  await expect(button(page, "Go on")).toBeVisible();
});

test("a link keeps the device and the method, and the worker is not asked for elsewhere", async ({ page }) => {
  const asked = [];
  page.on("request", (r) => r.url().includes("lm_worker") && asked.push(r.url()));
  await open(page);
  expect(asked).toEqual([]);
  await page.getByRole("button", { name: "Language model" }).click();
  await expect(page.locator(".language .status")).toContainText("236,928 parameters");
  expect(asked.length).toBeGreaterThan(0);
  await page.locator(".own summary").click();
  await page.getByRole("button", { name: "constant", exact: true }).click();
  await page.getByRole("group", { name: "what computes" }).getByRole("button", { name: "CPU" }).click();
  await expect.poll(() => new URL(page.url()).hash.slice(1).split("&").sort()).toEqual(["device=cpu", "method=constant", "view=language"]);
  await page.reload();
  await page.locator(".own summary").click();
  await expect(page.getByRole("button", { name: "constant", exact: true })).toHaveAttribute("aria-pressed", "true");
});
