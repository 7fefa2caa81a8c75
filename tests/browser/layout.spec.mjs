// The page keeps its shape: no overflow from a phone to 4K, no shift while values change, sharp canvases.
import { expect, open, settled, slide, test, VIEWS } from "./helpers.mjs";

/** Where the page's parts stand, to a tenth of a pixel: a cell's left edge too, as columns can shift under equal rows. */
const boxes = (page) =>
  page.evaluate(() => {
    const parts = ["h1", "canvas", ".legend", ".transport", ".verdicts", ".verdicts tr", ".verdicts th[scope=col]", "#numbers", ".controls section", "footer"];
    const box = (e) => {
      const { x, y, width, height } = e.getBoundingClientRect();
      return [x + scrollX, y + scrollY, width, height].map((v) => Math.round(v * 10) / 10).join(" ");
    };
    return parts.flatMap((name) => [...document.querySelectorAll(name)].map((e, k) => `${name} ${k}: ${box(e)}`));
  });

/** Cells of tables whose text is wider than they are: it would run into the next. */
const cramped = (page) =>
  page.locator("td, th").evaluateAll((all) => all.filter((c) => c.scrollWidth > c.clientWidth + 1).map((c) => `${c.textContent} in ${c.clientWidth} px`));

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

for (const [view, fragment] of Object.entries(VIEWS)) {
  for (const width of [360, 768, 1440, 2560, 3840]) {
    test.describe(() => {
      test.use({ viewport: { width, height: 900 } });

      test(`the ${view} view fits ${width} px, and nothing moves while λ changes`, async ({ page }) => {
        await open(page, fragment);
        await settled(page);
        await slide(page, "#lambda", 0);
        const before = await boxes(page);
        for (const position of [300, 700, 1000]) {
          await slide(page, "#lambda", position);
          expect(await boxes(page), `λ at ${position}`).toEqual(before);
          expect(await cramped(page), `λ at ${position}`).toEqual([]);
        }
        await page.locator("#numbers summary").click();
        expect(await overflow(page)).toBeLessThanOrEqual(0);
      });
    });
  }
}

test("on a phone the slider at the lower edge has its ends, and nothing lies over it", async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await open(page, "lambda=0.5");
  const ends = page.locator(".trade-off .ends span");
  await expect(ends).toHaveText(["toward 0", "toward ∞"]);
  const [low, high] = [await ends.first().boundingBox(), await ends.last().boundingBox()];
  const [range, reset] = [await page.locator("#lambda").boundingBox(), await page.locator(".trade-off .reset").boundingBox()];
  expect(range.width).toBeGreaterThan(150);
  expect(low.x).toBeGreaterThanOrEqual(range.x - 1);
  expect(low.x + low.width).toBeLessThan(high.x);
  expect(high.x + high.width).toBeLessThanOrEqual(range.x + range.width + 1);
  expect(Math.max(low.y + low.height, high.y + high.height)).toBeLessThanOrEqual(740);
  expect(reset.x).toBeGreaterThanOrEqual(range.x + range.width);
});

test("beyond 110rem text and figures grow with the window", async ({ page }) => {
  await open(page);
  const sizes = () =>
    page.evaluate(() => [parseFloat(getComputedStyle(document.querySelector("h1")).fontSize), document.querySelector(".triangle canvas").getBoundingClientRect().height]);
  await page.setViewportSize({ width: 1760, height: 900 });
  // The canvas takes its new height with the next painting.
  await settled(page);
  const usual = await sizes();
  await page.setViewportSize({ width: 3520, height: 1800 });
  await expect.poll(async () => (await sizes()).map((size, k) => Math.round((100 * size) / usual[k]))).toEqual([200, 200]);
});

/** How far the canvases' sizes are from their boxes', in device pixels. */
const blur = (page) =>
  page.locator("canvas").evaluateAll((all) =>
    all.flatMap((c) => {
      const { width, height } = c.getBoundingClientRect();
      return [c.width - width * devicePixelRatio, c.height - height * devicePixelRatio].map(Math.abs);
    }),
  );

for (const ratio of [1, 2, 3]) {
  test.describe(() => {
    test.use({ deviceScaleFactor: ratio });

    test(`canvases are sharp at pixel ratio ${ratio}, also after the window has changed`, async ({ page }) => {
      for (const fragment of Object.values(VIEWS)) {
        await page.goto("about:blank");
        await open(page, fragment);
        for (const width of [1440, 777, 360, 1800]) {
          await page.setViewportSize({ width, height: 900 });
          await expect.poll(async () => Math.max(...(await blur(page))), `${width} px`).toBeLessThan(0.01);
        }
      }
    });
  });
}

test("the handles stay on their policies when the window changes", async ({ page }) => {
  await open(page);
  // π* = (0.6, 0.3, 0.1): the triangle is centred, so the star is this share of its side from the middle of the canvas.
  const off = () =>
    page.evaluate(() => {
      const [canvas, star, ring] = [".triangle canvas", ".handle.star", ".handle.ref"].map((s) => document.querySelector(s).getBoundingClientRect());
      const middle = (r) => [r.x + r.width / 2, r.y + r.height / 2];
      const [[cx], [sx, sy], [rx, ry]] = [canvas, star, ring].map(middle);
      const side = (ry - sy) / (Math.sqrt(0.75) * (0.6 - 0.4));
      return [sx - cx - side * (0.3 + 0.3 - 0.5), rx - cx - side * (0.4 + 0.2 - 0.5)].map(Math.abs);
    });
  for (const width of [1440, 400, 2000]) {
    await page.setViewportSize({ width, height: 900 });
    await expect.poll(async () => Math.max(...(await off()))).toBeLessThan(0.5);
  }
});
