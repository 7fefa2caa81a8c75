// How every view looks, against pictures that were looked at. The same fonts everywhere and a window of a fixed size, so that
// another machine gives the same pictures. Tolerance: a pixel counts as changed from a fifth of the way between black and
// white on, and fewer may than a digit of the smallest text has, which are 9. Between two runs on a machine none is.
//
// After a change that is meant: `npx playwright test looks --update-snapshots`, then `pngquant --ext .png --force looks/*.png`
// for a third of their size, and look at the new pictures.
import { expect, open, settled, test, VIEWS } from "./helpers.mjs";

const DIFFERING = 8;

/** Window heights in which a view stands whole, by width. */
const HEIGHTS = {
  interpolation: { 360: 4000, 768: 3100, 1440: 1700, 2560: 2500 },
  preservation: { 360: 4800, 768: 3000, 1440: 2100, 2560: 3050 },
  constraints: { 360: 3300, 768: 2600, 1440: 1500, 2560: 2200 },
  shapes: { 360: 7200, 768: 5400, 1440: 3400, 2560: 4900 },
};

/**
 * Text in fonts that .ci/setup.sh installs. The style sheet names its fonts in two variables, the canvases in their own
 * code; a constructed sheet is what the page's policy lets a test add. The note on a browser without a store is left out:
 * a test's browser has none.
 */
function withFonts() {
  const sheet = new CSSStyleSheet();
  const [sans, serif] = ['"Liberation Sans", "DejaVu Sans"', '"Liberation Serif", "DejaVu Sans"'];
  sheet.replaceSync(`:root { --sans: ${sans}; --serif: ${serif}; } #offline { display: none !important; }`);
  document.adoptedStyleSheets = [sheet];
  const prototype = CanvasRenderingContext2D.prototype;
  const font = Object.getOwnPropertyDescriptor(prototype, "font");
  Object.defineProperty(prototype, "font", {
    ...font,
    set(text) {
      font.set.call(this, text.replace(/(?<=px ).*/, (families) => (/Iowan/.test(families) ? serif : sans)));
    },
  });
}

for (const [view, fragment] of Object.entries(VIEWS)) {
  for (const [width, height] of Object.entries(HEIGHTS[view])) {
    for (const colorScheme of ["light", "dark"]) {
      test.describe(() => {
        test.use({ colorScheme, viewport: { width: Number(width), height } });

        test(`the ${view} view, ${width} px wide, ${colorScheme}`, async ({ page }) => {
          await page.addInitScript(withFonts);
          await open(page, fragment);
          await settled(page);
          expect(await page.evaluate(() => document.documentElement.scrollHeight), "the picture holds the whole view").toBeLessThanOrEqual(height);
          await expect(page).toHaveScreenshot(`${view}-${width}-${colorScheme}.png`, { scale: "css", threshold: 0.2, maxDiffPixels: DIFFERING });
        });
      });
    }
  }
}
