// Everyone can use the page: axe finds nothing, the keyboard reaches everything, motion is asked for.
import AxeBuilder from "@axe-core/playwright";

import { expect, open, settled, test, trained, VIEWS } from "./helpers.mjs";

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

for (const [view, fragment] of Object.entries(VIEWS)) {
  test(`the Tab key reaches every control of the ${view} view, each with a visible focus`, async ({ page }) => {
    await open(page, fragment);
    const wanted = await page.locator("button:enabled:visible, input:visible, select:visible, summary:visible").count();
    const reached = new Set();
    for (let k = 0; k < wanted + 12; k++) {
      await page.keyboard.press("Tab");
      const [id, ring] = await page.evaluate(() => {
        const e = document.activeElement;
        window.__ids ??= new Map();
        if (!window.__ids.has(e)) window.__ids.set(e, window.__ids.size);
        return [e.matches("button, input, select, summary") ? window.__ids.get(e) : null, getComputedStyle(e).outlineStyle];
      });
      if (id !== null) {
        reached.add(id);
        expect(ring).not.toBe("none");
      }
    }
    expect(reached.size).toBe(wanted);
  });
}

test("with reduced motion nothing plays by itself: the end of the training is shown at once", async ({ page }) => {
  await open(page);
  await expect(page.locator(".transport .primary")).toHaveText("Train");
  await expect(page.locator("#time")).toHaveValue("1000");
  await settled(page);
  expect((await trained(page)).map((row) => row.step)).toEqual([11_000, 11_000, 11_000, 33_000, 11_000]);
});
