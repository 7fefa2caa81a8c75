// Another engine than Chromium: every view drawn, its numbers right, a drag and a key followed, in Firefox over WebDriver BiDi.
//
// FIREFOX: the browser (/usr/bin/firefox-esr).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { test } from "@playwright/test";
import puppeteer from "puppeteer-core";

import { EXACT, VIEWS, compareExact, expect, gap, lab, rest, specAt } from "./helpers.mjs";
import { FOLDER } from "./server.mjs";

/** Catches what never comes, as in playwright.config.mjs. */
const LIMIT_MS = 200_000;

/** Still, and nothing is fetched or reported behind the page's back. */
const PREFERENCES = {
  "ui.prefersReducedMotion": 1,
  "app.update.enabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
};

/** Figures of each view: one that is not there is not seen to be blank. */
const FIGURES = { interpolation: 3, preservation: 6, constraints: 3, shapes: 8 };

/** The exact minimisers and the ends of the training runs that the page shows are the headless program's. */
async function compare(page, view) {
  const spec = specAt(page.url());
  const shown = await page.$$eval(".verdicts [data-pi]", (cells) => cells.map((c) => JSON.parse(c.dataset.pi)));
  const nats = await page.$$eval(".verdicts tbody tr", (rows) => rows.map((r) => [...r.querySelectorAll("[data-nats]")].map((c) => Number(c.dataset.nats.replace("inf", "Infinity")))));
  // The shapes' view has no verdicts.
  if (view !== "shapes") compareExact(spec, shown, nats);
  const trained = await page.$$eval("#numbers [data-trained]", (rows) => rows.map((r) => JSON.parse(r.dataset.trained)));
  const runs = lab("train", spec).runs.flatMap((r) => r.prompts.map((p) => p.pi.at(-1)));
  expect(gap(trained, runs), view).toBeLessThan(EXACT);
}

test("Firefox draws every view, follows a drag and a key in each, and holds the headless program's numbers", async () => {
  // A home of its own: Firefox starts in none that belongs to somebody else, as in some containers.
  const home = mkdtempSync(join(tmpdir(), "typo-lab-firefox-"));
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    env: { ...process.env, HOME: home },
    timeout: LIMIT_MS,
    protocolTimeout: LIMIT_MS,
    extraPrefsFirefox: PREFERENCES,
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    const complaints = [];
    page.on("console", (m) => ["error", "warn", "warning"].includes(m.type()) && complaints.push(`${m.type()}: ${m.text()}`));
    page.on("pageerror", (e) => complaints.push(String(e)));
    await page.evaluateOnNewDocument(() => addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`)));
    await page.setViewport({ width: 1280, height: 900 });

    const base = `http://127.0.0.1:${process.env.TYPO_LAB_PORT}${FOLDER}`;
    const settled = async () => expect(await page.evaluate(rest, true)).toBe(null);
    const open = async (fragment) => {
      await page.goto("about:blank");
      await page.goto(`${base}#${fragment}`);
      await settled();
    };
    const star = async () => specAt(page.url()).prompts.at(-1).pi_star;
    for (const [view, fragment] of Object.entries(VIEWS)) {
      await open(fragment);
      // A canvas that was drawn holds more than its paper.
      const blank = await page.$$eval("canvas", (all) =>
        all.map((c) => {
          const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
          return !data.some((v, k) => k % 4 < 3 && v !== data[k % 4]);
        }),
      );
      expect(blank, view).toEqual(Array(FIGURES[view]).fill(false));
      expect((await page.$eval("h1", (h) => h.textContent)).length, view).toBeGreaterThan(10);
      await compare(page, view);

      const handle = (await page.$$(".handle.star")).at(-1);
      await handle.scrollIntoView();
      const [box, before] = [await handle.boundingBox(), await star()];
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      await page.mouse.move(x, y);
      await page.mouse.down();
      await page.mouse.move(x - 20, y + 30, { steps: 6 });
      await page.mouse.up();
      await settled();
      const dragged = await star();
      expect(gap(dragged, before), view).toBeGreaterThan(0.03);
      await page.keyboard.press("ArrowLeft");
      await settled();
      // An arrow key is a hundredth of the side.
      expect(gap(await star(), dragged), view).toBeCloseTo(0.01, 3);
      await compare(page, view);
    }
    // Said last, so that nothing before it went unheard.
    await page.evaluate(() => console.warn("heard"));
    await expect.poll(() => complaints).toEqual([expect.stringMatching(/^warn(ing)?: heard$/)]);
  } finally {
    await browser.close();
    rmSync(home, { recursive: true, force: true });
  }
});
