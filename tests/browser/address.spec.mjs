// The address carries the picture, and a bad one loses nothing.
import { SHORT, compare, dragBy, expect, minimisers, note, notice, open, pixels, settled, slide, specOf, test, trained, type } from "./helpers.mjs";

/** Makes the page unlike any preset, with training stopped half-way. */
async function play(page) {
  await dragBy(page, ".handle.star", -50, 40);
  await type(page, "λ", "0.07");
  await type(page, "α", "0.002");
  await slide(page, "#time", 420);
  await settled(page);
}

for (const view of ["interpolation", "preservation"]) {
  test(`the ${view} view's address, opened elsewhere, gives the same picture and numbers`, async ({ page, elsewhere }) => {
    await open(page, `view=${view}${view === "preservation" ? "&preset=figure-3-preservation" : ""}`);
    await play(page);
    const other = await elsewhere();
    await other.goto(page.url());
    await settled(other);
    expect(other.url()).toBe(page.url());
    expect(await trained(other)).toEqual(await trained(page));
    expect(await minimisers(other)).toEqual(await minimisers(page));
    await expect(other.locator("#time")).toHaveValue("420");
    expect(await pixels(other)).toEqual(await pixels(page));
  });
}

test("reloading brings everything back", async ({ page }) => {
  await open(page);
  await play(page);
  const before = [page.url(), await trained(page), await minimisers(page), await pixels(page)];
  await page.reload();
  await settled(page);
  expect([page.url(), await trained(page), await minimisers(page), await pixels(page)]).toEqual(before);
});

test("the untouched page has a bare address, and an edit writes only what differs", async ({ page }) => {
  await open(page);
  await settled(page);
  expect(new URL(page.url()).hash).toBe("");
  await type(page, "λ", "0.25");
  await settled(page);
  expect(new URL(page.url()).hash).toBe("#lambda=0.25");
});

test("an address that is changed by hand is followed", async ({ page }) => {
  await open(page);
  await settled(page);
  await page.evaluate(() => (location.hash = "view=preservation&preset=figure-3-preservation&lambda=2"));
  await expect(page.getByLabel("λ, typed", { exact: true })).toHaveValue("2");
  await settled(page);
  await compare(page, "address by hand");
});

const BROKEN = {
  "cut-off JSON": "prompts.0.pi_ref=[0.4,0.4",
  "a list that does not sum to one": "prompts.0.pi_ref=0.5,0.4,0.3",
  "a zero in π_ref": "prompts.0.pi_ref=0.5,0.5,0",
  "two policies of different length": "prompts.0.pi_ref=0.5,0.5",
  "a word for λ": "lambda=abc",
  "a negative λ": "lambda=-1",
  "an infinite λ": "lambda=1e999",
  "a λ that is not a number": "lambda=NaN",
  "a broken % sign": "view=%zz",
  "bytes that are not text": "lambda=%ff%fe",
  "an unknown preset": "preset=figure-9",
  "an unknown field": "optimiser.stepz=10",
  "a place outside a list": "prompts.7.weight=1",
  "a path through a number": "optimiser.steps.deeper=1",
  "an unknown loss": "losses.0.kind=ppo",
  "a place in an empty list": "losses=[]&losses.0=1",
  "draws that are all equal": `preferences=${encodeURIComponent('{"source":"sampled","draws":1,"seed":1,"pairing":"uniform"}')}`,
  "a misspelt key": "lamda=0.3",
  "a view that there is not": "view=xyz",
  "a moment that is no number": "at=abc",
  "a moment beyond the end": "at=7",
  "a loss that there is not": "only=9",
  "a speed that there is not": "speed=3",
  "a whole tree of brackets": `prompts=${"[".repeat(5000)}`,
  "more than a million characters": `lambda=${"1".repeat(1_100_000)}`,
};

/** Opens one address after another, each as a page of its own. */
async function openEach(page, addresses, check) {
  for (const [name, fragment] of Object.entries(addresses)) {
    await test.step(name, async () => {
      await page.goto("about:blank");
      await open(page, fragment);
      await check();
    });
  }
}

test("a broken address gives a message that names the fault, and the default is shown", async ({ page }) => {
  await openEach(page, BROKEN, async () => {
    await expect(notice(page)).toHaveText(/^This link could not be read\. .+ The default is shown\.$/);
    expect((await notice(page).textContent()).length).toBeLessThan(400);
    await expect(page.getByLabel("λ, typed", { exact: true })).toHaveValue("1e-5");
  });
});

test("after a broken address the page works", async ({ page }) => {
  await open(page, BROKEN["a broken % sign"]);
  await settled(page);
  await compare(page, "after a broken address");
  await type(page, "λ", "0.5");
  await settled(page);
  expect(new URL(page.url()).hash).toBe("#lambda=0.5");
  await compare(page, "an edit after it");
});

for (const [name, way] of [["skip link", async (page) => page.locator("a.skip").press("Enter")], ["brand", async (page) => page.locator("a.brand").click()]]) {
  test(`the ${name} moves the focus to the figures and leaves experiment, view and address alone`, async ({ page }) => {
    await open(page, "view=preservation&lambda=0.25&at=0.5");
    await settled(page);
    const before = [page.url(), await specOf(page), await trained(page)];
    await way(page);
    await expect(page.locator("main")).toBeFocused();
    await settled(page);
    expect([page.url(), await specOf(page), await trained(page)]).toEqual(before);
    await expect(page.locator(".bar nav [aria-current]")).toHaveText("Preservation");
    await expect(notice(page)).toHaveCount(0);
  });
}

test("a place in the document is no experiment, whoever goes there", async ({ page }) => {
  await open(page, "lambda=0.25");
  await settled(page);
  await page.evaluate(() => (location.hash = "main"));
  await page.waitForTimeout(300);
  await expect(page.getByLabel("λ, typed", { exact: true })).toHaveValue("0.25");
  await expect(notice(page)).toHaveCount(0);
});

test("the link to what is on screen brings back the loss shown alone, the prompt, the speed and where training goes on from", async ({ page, elsewhere }) => {
  await open(page, `lambda=0.3&${encodeURI('prompts=[{"name":"one","pi_ref":[0.4,0.4,0.2],"pi_star":[0.6,0.3,0.1]},{"name":"two","pi_ref":[0.2,0.4,0.4],"pi_star":[0.1,0.3,0.6]}]')}&view=interpolation`);
  await page.locator(".legend .entry.typo").click();
  await page.locator("main").getByRole("button", { name: "two", exact: true }).click();
  await page.locator("#speed").selectOption({ label: "2 ×" });
  await page.locator("#c-optimiser").click();
  await page.getByRole("button", { name: "from where it stands", exact: true }).click();
  await settled(page);
  const other = await elsewhere();
  await other.goto(page.url());
  await settled(other);
  await expect(other.locator(".legend .entry.typo")).toHaveAttribute("aria-pressed", "true");
  await expect(other.locator("main").getByRole("button", { name: "two", exact: true })).toHaveAttribute("aria-pressed", "true");
  await expect(other.locator("#speed option:checked")).toHaveText("2 ×");
  await other.locator("#c-optimiser").click();
  await expect(other.getByRole("button", { name: "from where it stands", exact: true })).toHaveAttribute("aria-pressed", "true");
  expect(other.url()).toBe(page.url());
  expect(await pixels(other)).toEqual(await pixels(page));
});

const even = (n) => JSON.stringify(Array(n).fill(1 / n));
const GREEDY = {
  steps: "optimiser.steps=3000000",
  "sweep points": "sweep.points=5000",
  actions: encodeURI(`prompts=[{"name":"x","weight":1,"pi_ref":${even(65)},"pi_star":${even(65)}}]`),
  prompts: encodeURI(`prompts=${JSON.stringify(Array.from({ length: 9 }, (_, k) => ({ name: `p${k}`, weight: 1 / 9, pi_ref: [0.5, 0.5], pi_star: [0.6, 0.4] })))}`),
  draws: encodeURI('preferences={"source":"sampled","draws":2000000,"seed":1,"pairing":"uniform"}'),
};

test("an address that asks for too much is refused with a message", async ({ page }) => {
  await openEach(page, GREEDY, async () => {
    await expect(notice(page)).toHaveText(/^This .+ The default is shown/);
    await settled(page);
    expect((await trained(page)).map((row) => row.pi.length)).toEqual([3, 3, 3, 3, 3]);
  });
});

test("the largest experiments that an address may open are live within seconds, and one step more is refused", async ({ page }) => {
  test.setTimeout(120_000);
  const policy = (k) => Array.from({ length: 64 }, (_, a) => (1 + ((a * k) % 7)) / 64);
  const prompts = (n) => encodeURI(`normalise=true&prompts=${JSON.stringify(Array.from({ length: n }, (_, k) => ({ name: `p${k}`, weight: 1, pi_ref: policy(k + 2), pi_star: policy(k + 3) })))}`);
  const threshold = (n) => encodeURI(`preset=threshold&losses=${JSON.stringify(Array.from({ length: n }, () => ({ kind: "qpo", psi: "threshold", mu: "log", lambda: 1 })))}`);
  const edges = [
    ["five prompts of 64 actions", `${prompts(5)}&sweep.points=61`, `${prompts(8)}&sweep.points=80`],
    ["64 actions under weight decay", `${prompts(1)}&weight_decay.alpha=0.01&sweep.points=30`, `${prompts(8)}&weight_decay.alpha=0.01`],
    ["twelve threshold losses", `${threshold(12)}&sweep.points=100`, `${threshold(12)}&sweep.points=1001`],
    ["losses", `${threshold(12)}`, `${threshold(13)}`],
  ];
  for (const [name, taken, refused] of edges) {
    await test.step(name, async () => {
      await page.goto("about:blank");
      const began = Date.now();
      await open(page, taken);
      note(`${name}: live after ${Date.now() - began} ms`);
      await expect(notice(page)).toHaveCount(0);
      await page.goto("about:blank");
      await open(page, refused);
      await expect(notice(page)).toContainText("more than the page computes at once");
    });
  }
});

test("a preset that is shown in the other view comes back in it", async ({ page }) => {
  await open(page, "view=preservation&preset=figure-2&lambda=0.3");
  await settled(page);
  const before = await trained(page);
  await page.goto("about:blank");
  await page.goBack();
  await settled(page);
  expect(await trained(page)).toEqual(before);
});

test("Back and Forward lead from view to view, each as it was left, and an edit adds no step", async ({ page }) => {
  await open(page, SHORT);
  await settled(page);
  const entries = () => page.evaluate(() => history.length);
  const tab = (name) => page.getByRole("button", { name, exact: true });
  const view = (name) => expect(tab(name)).toHaveAttribute("aria-current", "page");
  const first = await entries();
  await slide(page, "#lambda", 300);
  await settled(page);
  expect(await entries()).toBe(first);
  // Sooner than the address follows.
  await page.locator("#lambda").press("PageUp");
  const left = await page.locator(".slider:has(#lambda) .field").inputValue();
  for (const [k, name] of ["Preservation", "Constraints"].entries()) {
    await tab(name).click();
    await expect.poll(entries).toBe(first + k + 1);
    await view(name);
  }
  await page.goBack();
  await view("Preservation");
  await page.goBack();
  await view("Interpolation");
  await settled(page);
  expect(await page.locator(".slider:has(#lambda) .field").inputValue()).toBe(left);
  await page.goForward();
  await view("Preservation");
  await settled(page);
  expect(await entries()).toBe(first + 2);
  // A place in the document is no other view.
  await page.evaluate(() => (location.hash = "main"));
  const there = await entries();
  await slide(page, "#lambda", 500);
  await settled(page);
  expect(await entries()).toBe(there);
});

test("a broken address that is typed into the open page says so and keeps what was there", async ({ page }) => {
  await open(page, "lambda=0.25");
  await settled(page);
  await page.evaluate(() => (location.hash = "lambda=abc"));
  await expect(notice(page)).toHaveText(/^This link could not be read\. .+/);
  await expect(notice(page)).not.toContainText("default");
  await expect(page.getByLabel("λ, typed", { exact: true })).toHaveValue("0.25");
});
