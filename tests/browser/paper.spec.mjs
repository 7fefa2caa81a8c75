// The page on paper, in strong contrast, and in the system's own colours.
import { colours, expect, open, settled, test, VIEWS } from "./helpers.mjs";

/** The paper that every figure in sight is drawn on, and that of the page. */
const papers = (page) =>
  page.evaluate(() => {
    const scratch = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const corner = (canvas) => {
      scratch.drawImage(canvas, -2, -2);
      return `rgb(${[...scratch.getImageData(0, 0, 1, 1).data].slice(0, 3).join(", ")})`;
    };
    return [...[...document.querySelectorAll("canvas")].filter((c) => c.clientWidth > 0).map(corner), getComputedStyle(document.body).backgroundColor];
  });
const LIGHT = "rgb(252, 251, 248)";

const CONTROLS = "button:not(.legend .entry), input, select, textarea, .handle, .controls summary, .bar, aside, .transport, .way-out";

/** A sheet of A4 between its margins, in CSS pixels. */
const SHEET = { width: 700, height: 1000 };

/** What a sheet would cut off: what is wider than its place or than the sheet, and figures that are higher or out of shape. */
const cut = (page, sheet) =>
  page.evaluate(({ width, height }) => {
    const name = (e) => `${e.localName}.${e.className} ${e.textContent.slice(0, 40)}`;
    const shown = [...document.querySelectorAll("main, main *")].filter((e) => e.checkVisibility() && !e.closest(".visually-hidden, svg, math") && e.clientWidth > 0);
    const out = shown.filter((e) => {
      const { right } = e.getBoundingClientRect();
      return right > width + 1 || (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible");
    });
    const figures = shown.filter((e) => e.matches("canvas"));
    const squeezed = figures.filter((c) => c.clientHeight > height || Math.abs(((c.width / c.height) * c.clientHeight) / c.clientWidth - 1) > 0.02);
    return [...out, ...squeezed].map(name);
  }, sheet);

test.describe("on paper", () => {
  test.use({ colorScheme: "dark" });

  test("figures are light as soon as the browser says that it prints", async ({ page }) => {
    await open(page);
    await settled(page);
    // The event comes before the browser lays out the sheets: the canvases must be light at once.
    const atOnce = await page.evaluate(() => {
      const corner = () => {
        const scratch = new OffscreenCanvas(1, 1).getContext("2d");
        scratch.drawImage(document.querySelector("canvas"), -2, -2);
        return [...scratch.getImageData(0, 0, 1, 1).data].slice(0, 3);
      };
      dispatchEvent(new Event("beforeprint"));
      const during = corner();
      dispatchEvent(new Event("afterprint"));
      return [during, corner()];
    });
    expect(atOnce).toEqual([[252, 251, 248], [18, 20, 22]]);

  });

  for (const [view, fragment] of Object.entries({ ...VIEWS, language: "view=language&device=cpu" })) {
    test(`the ${view} view is printed on light paper with nothing cut off, with its tables and without its controls`, async ({ page }) => {
      await open(page, fragment);
      await settled(page, { run: view !== "language" });
      const dark = await papers(page);
      expect(new Set(dark)).toEqual(new Set(["rgb(18, 20, 22)"]));
      await page.emulateMedia({ media: "print", colorScheme: "dark" });
      await page.setViewportSize(SHEET);
      await expect.poll(() => papers(page)).toEqual(dark.map(() => LIGHT));
      const left = async () => ({ cut: await cut(page, SHEET), controls: await page.locator(CONTROLS).filter({ visible: true }).evaluateAll((all) => all.map((e) => e.outerHTML.slice(0, 90))) });
      await expect.poll(left).toEqual({ cut: [], controls: [] });
      expect(await page.locator("table").filter({ visible: true }).count()).toBeGreaterThan(0);
      // What the sheet is of, which no control tells there.
      await expect(page.locator("main > .printed")).toHaveText(/^λ = \S+, α = \S+$/);
      for (const told of ["main > .printed", "footer"]) await expect(page.locator(told)).toBeVisible();
      await page.emulateMedia({ media: "screen", colorScheme: "dark" });
      await expect.poll(() => papers(page)).toEqual(dark);
    });
  }
});

test("who asks their system for more contrast gets it, and forced colours keep what is pressed apart", async ({ page }) => {
  await page.emulateMedia({ contrast: "more" });
  await open(page);
  await expect.poll(() => colours(page)).toEqual(Array(2).fill("rgb(255, 255, 255)"));
  await page.emulateMedia({ contrast: "no-preference" });
  await expect.poll(() => colours(page)).toEqual(Array(2).fill("rgb(252, 251, 248)"));
  await page.emulateMedia({ forcedColors: "active" });
  const fill = (pressed) => page.locator(`.segments button[aria-pressed=${pressed}]`).first().evaluate((b) => getComputedStyle(b).backgroundColor);
  expect(await fill(true)).not.toBe(await fill(false));
});
