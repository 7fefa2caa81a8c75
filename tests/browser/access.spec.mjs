// Everyone can use the page: axe finds nothing, the keyboard reaches everything, motion is asked for.
import AxeBuilder from "@axe-core/playwright";

import { compare, expect, open, settled, specOf, test, trained, VIEWS } from "./helpers.mjs";

/** What axe finds, with the first places of each. A long table's lines are alike: its first ones stand for all. */
async function faults(page, when, only) {
  const axe = new AxeBuilder({ page }).exclude("tbody tr:nth-child(n + 4)");
  const { violations } = await (only ? axe.withTags(only) : axe).analyze();
  return violations.map((v) => ({ when, id: v.id, where: v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`) }));
}

/** Opens every fold there is: controls, tables, the shapes' numbers. */
async function unfold(page) {
  await page.evaluate(() => document.querySelectorAll("details:not([open]) > summary").forEach((summary) => summary.click()));
  // Of those that share a name one is open at a time.
  await expect(page.locator("details:not([open], [name])")).toHaveCount(0);
}

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

/** What a view can be brought to, beside what it opens with. */
const STATES = {
  "as it opens, every fold open": async () => {},
  "counts of one's own": (page) => press(page, "counts"),
  "beside the paper": async (page, view) => view !== "shapes" && press(page, "the authors’ run"),
  "five actions": async (page) => {
    const field = page.getByLabel("actions, typed", { exact: true });
    await field.fill("5");
    await field.press("Enter");
  },
};

/** Themes beside the one a view opens in. What they change is colour. */
const THEMES = [
  { colorScheme: "dark", contrast: "no-preference" },
  { colorScheme: "light", contrast: "more" },
  { colorScheme: "dark", contrast: "more" },
];

for (const [view, fragment] of Object.entries(VIEWS)) {
  test(`axe finds nothing in the ${view} view, in any state or theme`, async ({ page }) => {
    // Few points: axe looks at every cell.
    await open(page, `${fragment}&sweep.points=7`);
    const found = [];
    for (const [name, act] of Object.entries(STATES)) {
      await unfold(page);
      await act(page, view);
      await unfold(page);
      await settled(page);
      found.push(...(await faults(page, name)));
      for (const theme of THEMES) {
        await page.emulateMedia(theme);
        await settled(page);
        found.push(...(await faults(page, `${name}, ${Object.values(theme).join(" ")}`, ["cat.color"])));
      }
      await page.emulateMedia({ colorScheme: "light", contrast: "no-preference" });
    }
    expect(found).toEqual([]);
  });

  test(`axe finds nothing in the ${view} view on a phone`, async ({ page }) => {
    await page.setViewportSize({ width: 360, height: 900 });
    await open(page, `${fragment}&sweep.points=7`);
    await unfold(page);
    await settled(page);
    const found = await faults(page, "every fold open");
    await page.emulateMedia({ colorScheme: "dark" });
    await settled(page);
    expect([...found, ...(await faults(page, "dark", ["cat.color"]))]).toEqual([]);
  });
}

test("axe finds nothing beside a message", async ({ page }) => {
  await open(page, "lambda=abc");
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => v.id)).toEqual([]);
});

test("the scheme button turns light into dark and back, and the figures with it", async ({ page }) => {
  await open(page);
  await settled(page);
  // Read through a scratch canvas, as reading a drawn one twice makes the browser warn.
  const corner = () =>
    page.evaluate(async () => {
      await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      const scratch = new OffscreenCanvas(1, 1).getContext("2d");
      scratch.drawImage(document.querySelector("canvas"), -2, -2);
      const pixel = [...scratch.getImageData(0, 0, 1, 1).data].slice(0, 3);
      return [`rgb(${pixel.join(", ")})`, getComputedStyle(document.body).backgroundColor];
    });
  const light = await corner();
  await page.getByRole("button", { name: "Light or dark" }).click();
  const dark = await corner();
  expect(light).toEqual(Array(2).fill("rgb(252, 251, 248)"));
  expect(dark).toEqual(Array(2).fill("rgb(18, 20, 22)"));
  await page.getByRole("button", { name: "Light or dark" }).click();
  expect(await corner()).toEqual(light);
});

const STOPS = "button:enabled, input, select, summary, textarea, a[href], canvas, [tabindex='0']";

for (const [view, fragment] of Object.entries({ ...VIEWS, language: "view=language&device=cpu" })) {
  test(`by keys alone every fold of the ${view} view opens, every control is reached with a visible focus, and every figure is read`, async ({ page }) => {
    await open(page, `${fragment}&sweep.points=7`);
    if (view === "language") await expect(page.locator(".language .status")).toContainText("Computed on the CPU");
    await settled(page, { run: view !== "language" });
    await page.evaluate(() => (window.reached = new Set()));
    const tip = page.locator("canvas:focus + .tip");
    for (;;) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const e = document.activeElement;
        if (e === document.body || window.reached.has(e)) return null;
        window.reached.add(e);
        return { name: `${e.localName} ${e.getAttribute("aria-label") ?? e.textContent}`, ring: getComputedStyle(e).outlineStyle, isFold: e.matches("details:not([open]) > summary"), isFigure: e.matches("canvas") };
      });
      if (!stop) break;
      expect(stop.ring, stop.name).not.toBe("none");
      if (stop.isFold) {
        await page.keyboard.press("Enter");
        await expect(page.locator("details[open] > summary:focus"), stop.name).toHaveCount(1);
        // What a fold holds may be built as it opens, and comes next.
        await page.evaluate(() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 50)));
      }
      if (stop.isFigure) {
        const read = [];
        for (const key of [null, "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"]) {
          if (key) await page.keyboard.press(key);
          await expect(tip, `${stop.name}, ${key ?? "focus"}`).not.toBeEmpty();
          read.push(await tip.textContent());
        }
        expect(new Set(read).size, `${stop.name}: ${read[0]}`).toBeGreaterThan(1);
      }
    }
    const missed = await page.locator(STOPS).evaluateAll((all) =>
      all.filter((e) => e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }) && !window.reached.has(e)).map((e) => e.outerHTML.slice(0, 120)),
    );
    expect(missed).toEqual([]);
    await expect(page.locator("details:not([open], [name])")).toHaveCount(0);
    expect(await page.evaluate(() => [...window.reached].filter((e) => e.matches("canvas")).length)).toBe(await page.locator("canvas").filter({ visible: true }).count());
  });
}

test("a slider's focus is seen at its thumb, and leaves the words below alone", async ({ page }) => {
  await open(page);
  await settled(page);
  const slider = page.locator(".slider", { has: page.locator(".ends") }).first();
  const range = slider.locator("input[type=range]");
  // The track reaches into the words' line, not to the words.
  const { x, y, width, height } = await slider.locator(".ends").boundingBox();
  const words = { x, y: y + 4, width, height: height - 4 };
  const pictures = async () => ({ thumb: (await range.screenshot()).toString("base64"), words: (await page.screenshot({ clip: words })).toString("base64") });
  const before = await pictures();
  await range.focus();
  for (const key of ["Tab", "Shift+Tab"]) await page.keyboard.press(key);
  await expect(range).toBeFocused();
  const focused = await pictures();
  expect(focused.thumb).not.toBe(before.thumb);
  expect(focused.words).toBe(before.words);
});

test.describe("playing", () => {
  test.use({ contextOptions: { reducedMotion: "no-preference" } });

  test("training time, a list, a choice, a checkbox and a count are worked by keys alone", async ({ page }) => {
    await open(page, "lambda=0.1&at=0&optimiser.steps=600&losses.3.steps=600");
    await settled(page);
    const named = (role, name) => page.getByRole(role, { name, exact: true });
    const go = async (target, key = "Tab") => {
      for (let k = 0; k < 200; k++) {
        await page.keyboard.press(key);
        if (await target.evaluate((e) => e === document.activeElement)) return;
      }
      throw new Error(`${target} is not reached`);
    };
    const keys = async (...all) => {
      for (const key of all) await page.keyboard.press(key);
    };
    const time = page.locator("#time");

    // So slow that no machine plays to the end between two keys.
    await go(page.locator("#speed"));
    await keys("ArrowUp", "ArrowUp");
    await expect(page.locator("#speed option:checked")).toHaveText("¼ ×");
    await go(page.locator(".transport .primary"), "Shift+Tab");
    await keys("Enter");
    await expect(page.locator(".transport .primary")).toHaveText("Pause");
    await expect(time).not.toHaveValue("0");
    await keys("Space");
    await expect(page.locator(".transport .primary")).toHaveText("Train");
    await go(time);
    await keys("Home");
    await expect(time).toHaveValue("0");
    await go(named("button", "Step"), "Shift+Tab");
    await keys("Enter", "Space");
    expect(Math.max(...(await trained(page)).map((row) => row.step))).toBe(100);
    await go(time);
    await keys("PageUp", "ArrowRight");
    await expect(time).toHaveValue(/^26[78]$/);
    await go(page.locator("#step"));
    await page.keyboard.type("150");
    await keys("Enter");
    await expect(time).toHaveValue("250");

    await go(named("button", "draws"));
    await keys("Space");
    await expect(named("button", "draws")).toHaveAttribute("aria-pressed", "true");
    await go(named("button", "counts"));
    await keys("Enter");
    await go(page.getByLabel("x: wins of y c over y a", { exact: true }));
    await page.keyboard.type("40");
    await keys("Enter");
    await go(page.locator("summary", { hasText: "Losses" }));
    await keys("Enter");
    await go(named("checkbox", "IPO"));
    await keys("Space");
    await go(page.locator("#divergence"));
    const before = (await specOf(page)).losses.at(-2);
    await keys("ArrowDown");
    await settled(page);
    const spec = await specOf(page);
    expect(spec.preferences.counts[0][2][0]).toBe(40);
    expect(spec.losses.map((l) => l.kind)).toEqual(["rlhf", "dpo", "f-dpo", "typo"]);
    expect(spec.losses.at(-2).divergence).not.toEqual(before.divergence);
    await compare(page, "by keys alone");
  });
});

test("with reduced motion nothing plays by itself: the end of the training is shown at once", async ({ page }) => {
  await open(page);
  await expect(page.locator(".transport .primary")).toHaveText("Train");
  await expect(page.locator("#time")).toHaveValue("1000");
  await settled(page);
  expect((await trained(page)).map((row) => row.step)).toEqual([11_000, 11_000, 11_000, 33_000, 11_000]);
});
