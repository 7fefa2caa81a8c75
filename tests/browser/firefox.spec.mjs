// Another engine than Chromium: every view drawn, its numbers right, and one drag followed, in Firefox over WebDriver BiDi.
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

/** What Firefox tells about itself, not about the page. */
const ITS_OWN = /WebGL|preload/i;

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
  return spec;
}

test("Firefox draws every view, follows a drag, and holds the headless program's numbers", async () => {
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
    page.on("console", (m) => ["error", "warn", "warning"].includes(m.type()) && !ITS_OWN.test(m.text()) && complaints.push(`${m.type()}: ${m.text()}`));
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
    for (const [view, fragment] of Object.entries(VIEWS)) {
      await open(fragment);
      // A canvas that was drawn holds more than its paper.
      await page.waitForFunction(() =>
        [...document.querySelectorAll("canvas")].every((c) => {
          const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
          return data.some((v, k) => k % 4 < 3 && v !== data[k % 4]);
        }),
      );
      expect((await page.$eval("h1", (h) => h.textContent)).length, view).toBeGreaterThan(10);
      await compare(page, view);
    }

    await open("lambda=0.1");
    const star = await (await page.$(".handle.star")).boundingBox();
    const [x, y] = [star.x + star.width / 2, star.y + star.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x - 40, y + 60, { steps: 6 });
    await page.mouse.up();
    await settled();
    const spec = await compare(page, "interpolation");
    expect(gap(spec.prompts[0].pi_star, [0.6, 0.3, 0.1])).toBeGreaterThan(0.05);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
    rmSync(home, { recursive: true, force: true });
  }
});
