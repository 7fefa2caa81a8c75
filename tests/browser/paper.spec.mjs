// The page on paper, in strong contrast, and in the system's own colours.
import { colours, expect, open, settled, test } from "./helpers.mjs";

test.describe("on paper", () => {
  test.use({ colorScheme: "dark" });

  test("a dark page is printed on light paper, with its tables and without its controls", async ({ page }) => {
    await open(page);
    await settled(page);
    await expect.poll(() => colours(page)).toEqual(Array(2).fill("rgb(18, 20, 22)"));
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

    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    await expect.poll(() => colours(page)).toEqual(Array(2).fill("rgb(252, 251, 248)"));
    for (const hidden of [".bar", "aside", ".transport", "footer", ".way-out", "#lambda"]) await expect(page.locator(hidden).filter({ visible: true }), hidden).toHaveCount(0);
    await expect(page.locator(".verdicts")).toBeVisible();
    // A canvas keeps its shape on a sheet of another width.
    await page.setViewportSize({ width: 700, height: 1000 });
    const squeezed = () => page.locator("canvas").evaluateAll((all) => Math.max(...all.map((c) => Math.abs(((c.width / c.height) * c.clientHeight) / c.clientWidth - 1))));
    await expect.poll(squeezed).toBeLessThan(0.02);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(700);
    await page.emulateMedia({ media: "screen", colorScheme: "dark" });
    await expect.poll(() => colours(page)).toEqual(Array(2).fill("rgb(18, 20, 22)"));
  });
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
