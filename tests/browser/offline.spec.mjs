// The page kept for use offline, updated, and where a browser keeps nothing; the example deck.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect, framed, notice, open, test } from "./helpers.mjs";
import { FOLDER, serve } from "./server.mjs";

const DIST = resolve(import.meta.dirname, process.env.TYPO_LAB_DIST ?? "../../dist");
const PRECACHE = resolve(import.meta.dirname, "../../.ci/precache.mjs");

test.describe("kept for use offline", () => {
  test.use({ serviceWorkers: "allow" });

  /** A copy of the page on a server of its own, which can be updated and stopped. */
  async function hosted(run, options) {
    const folder = mkdtempSync(join(tmpdir(), "typo-lab-"));
    cpSync(DIST, folder, { recursive: true });
    const server = await serve(folder, options);
    try {
      await run({ folder, base: `http://127.0.0.1:${server.address().port}${FOLDER}` });
    } finally {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    }
  }

  const kept = (page) => page.waitForFunction(() => navigator.serviceWorker.ready.then(() => Boolean(navigator.serviceWorker.controller)));
  const live = (page) => expect(page.locator("#numbers")).toHaveAttribute("data-run-done", "true");
  const build = (page) => page.locator("meta[name=build]").getAttribute("content");

  test("the page opens again without a network, every file of it", async ({ page, context, baseURL }) => {
    await open(page);
    await kept(page);
    await context.setOffline(true);
    await page.reload();
    await expect(page.locator("#lambda")).toBeVisible();
    await live(page);
    for (const address of ["./?embed=1&view=preservation", "./index.html#lambda=0.5", "./?embed=1&controls=lambda#lambda=0.1"]) {
      await page.goto(address);
      await live(page);
    }
    // Every file that is hosted, but the service worker itself and what only the language model's view asks for.
    const files = readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name).slice(DIST.length + 1)).filter((f) => f !== "sw.js" && !/^(static\/lm\/|lm_worker)/.test(f));
    const missing = await page.evaluate(async (paths) => {
      const answers = await Promise.all(paths.map((p) => fetch(p).then((r) => r.ok, () => false)));
      return paths.filter((_, k) => !answers[k]);
    }, files.map((f) => baseURL + f));
    expect(missing).toEqual([]);
    expect(files.length).toBeGreaterThan(12);
  });

  test("the language model opens again without a network once it was opened with one", async ({ page, context }) => {
    await open(page);
    await kept(page);
    const status = page.locator(".language .status");
    // As a visit of its own: a page that has just opened is about to write its own address.
    await page.goto("about:blank");
    await page.goto("./#view=language&device=cpu");
    await expect(status).toContainText("236,928 parameters");
    await context.setOffline(true);
    await page.reload();
    await expect(status).toContainText("236,928 parameters");
  });

  test("on paper every slide of the deck has its figure in place of the frame", async ({ page }) => {
    await page.goto("./static/slides/");
    await page.emulateMedia({ media: "print" });
    const slides = page.locator("section[data-frame]");
    expect(await slides.count()).toBeGreaterThanOrEqual(5);
    await expect
      .poll(() => slides.evaluateAll((all) => all.filter((s) => [...s.querySelectorAll("img")].every((i) => i.naturalWidth === 0 || !i.checkVisibility()) || s.querySelector("iframe")?.checkVisibility()).length))
      .toBe(0);
  });

  test("the deck keeps its keys where its figure has the focus, but for controls that use them, and Back undoes a slide", async ({ page }) => {
    await page.goto("./static/slides/#4");
    const place = page.locator("#place");
    const isIn = () => page.evaluate(() => document.activeElement?.tagName === "IFRAME");
    await framed(page).locator(".triangle canvas").first().click({ position: { x: 4, y: 4 } });
    expect(await isIn()).toBe(true);
    await page.keyboard.press("ArrowRight");
    await expect(place).toHaveText(/^5 of/);
    const lambda = framed(page).locator("#lambda");
    const before = await lambda.inputValue();
    await lambda.focus();
    expect(await isIn()).toBe(true);
    await page.keyboard.press("ArrowRight");
    await expect(lambda).not.toHaveValue(before);
    await expect(place).toHaveText(/^5 of/);
    // A presenter's remote control goes on from everywhere.
    await page.keyboard.press("PageDown");
    await expect(place).toHaveText(/^6 of/);
    for (const [way, slide] of [["goBack", 5], ["goBack", 4], ["goForward", 5]]) {
      await page[way]();
      await expect(place).toHaveText(new RegExp(`^${slide} of`));
      expect(new URL(page.url()).hash).toBe(`#${slide}`);
    }
  });

  test("the deck works without a network: keys, steps, one live figure at a time", async ({ page, context }) => {
    await page.goto("./static/slides/index.html");
    await open(page);
    await kept(page);
    await context.setOffline(true);
    await page.goto("./static/slides/");
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.locator("iframe")).toHaveCount(0);
    const count = await page.locator("main > section").count();
    expect(count).toBeGreaterThanOrEqual(6);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    // The third slide: its steps take λ down.
    await expect(page.locator("iframe")).toHaveCount(1);
    await expect(framed(page).getByLabel("λ, typed", { exact: true })).toHaveValue("1");
    for (const lambda of ["0.1", "0.01", "1e-5"]) {
      await page.keyboard.press("ArrowRight");
      await expect(framed(page).getByLabel("λ, typed", { exact: true })).toHaveValue(lambda);
    }
    for (let k = 4; k <= count; k++) {
      await page.keyboard.press("End");
      await page.keyboard.press("Home");
      await page.goto(`./static/slides/#${k}`);
      await expect(page.locator("#place")).toHaveText(`${k} of ${count}`);
      const figures = await page.locator("section.now[data-frame]").count();
      await expect(page.locator("iframe")).toHaveCount(figures);
      if (figures) await expect(framed(page).locator("canvas").filter({ visible: true }).first()).toBeVisible();
    }
    await page.keyboard.press("ArrowLeft");
    await expect(page.locator("#place")).toHaveText(`${count - 1} of ${count}`);
  });

  for (const [width, height] of [[1024, 768], [1280, 720], [1920, 1080], [800, 1280]]) {
    test(`every figure of the deck fits its slide, ${width} × ${height}`, async ({ page }) => {
      await page.setViewportSize({ width, height });
      await page.goto("./static/slides/");
      const count = await page.locator("main > section").count();
      let figures = 0;
      for (let k = 1; k <= count; k++) {
        await page.goto(`./static/slides/#${k}`);
        await expect(page.locator("#place")).toHaveText(`${k} of ${count}`);
        if (!(await page.locator("section.now[data-frame]").count())) continue;
        figures++;
        await live(framed(page));
        const beyond = () => framed(page).locator("html").evaluate((e) => e.scrollHeight - e.clientHeight);
        await expect.poll(beyond, `slide ${k}`).toBe(0);
        const least = Math.min(...(await framed(page).locator("canvas").filter({ visible: true }).evaluateAll((all) => all.map((c) => c.getBoundingClientRect().height))));
        expect(least, `slide ${k}`).toBeGreaterThan(0.25 * Math.min(height, width / 1.6));
      }
      expect(figures).toBe(5);
    });
  }

  test("a deck whose window grows while a figure plays shows it larger once it has played", async ({ page }) => {
    await page.emulateMedia({ reducedMotion: "no-preference" });
    await page.setViewportSize({ width: 1280, height: 720 });
    await page.goto("./static/slides/#3");
    await live(framed(page));
    const size = () => framed(page).locator("html").evaluate((e) => parseFloat(getComputedStyle(e).fontSize));
    const [small, time] = [await size(), framed(page).locator("#time")];
    await expect(time).not.toHaveValue("1000");
    await page.setViewportSize({ width: 1920, height: 1080 });
    await expect.poll(size).toBeGreaterThan(1.3 * small);
    await live(framed(page));
    await expect(time).toHaveValue("1000");
    await expect(framed(page).getByLabel("λ, typed", { exact: true })).toHaveValue("1");
  });

  test("a deck whose window grows shows its figure larger, as it stands", async ({ page }) => {
    await page.emulateMedia({ reducedMotion: "no-preference" });
    await page.setViewportSize({ width: 1280, height: 720 });
    await page.goto("./static/slides/#3");
    await live(framed(page));
    const time = framed(page).locator("#time");
    await expect(time).toHaveValue("1000");
    await page.keyboard.press("ArrowRight");
    const lambda = framed(page).getByLabel("λ, typed", { exact: true });
    await expect(lambda).toHaveValue("0.1");
    const size = () => framed(page).locator("html").evaluate((e) => parseFloat(getComputedStyle(e).fontSize));
    const [small, entries] = [await size(), await page.evaluate(() => history.length)];
    await expect(time).toHaveValue("1000");
    await page.evaluate(() => {
      window.played = [];
      addEventListener("message", ({ data }) => window.played.push(data.playing));
    });
    await page.setViewportSize({ width: 1920, height: 1080 });
    await expect.poll(size).toBeGreaterThan(1.3 * small);
    await live(framed(page));
    await expect(lambda).toHaveValue("0.1");
    await expect(time).toHaveValue("1000");
    expect(new Set(await page.evaluate(() => window.played)), "the run that had ended is not played again").toEqual(new Set([false]));
    await page.keyboard.press("ArrowRight");
    await expect(lambda).toHaveValue("0.01");
    expect(await page.evaluate(() => history.length), "Back still undoes a slide").toBe(entries);
  });

  test("a host that sends index.html to its folder is kept too", async ({ context, expected }) => {
    expected.push(/^request: http:\/\/127\.0\.0\.1/);
    await hosted(async ({ base }) => {
      const page = await context.newPage();
      await page.goto(base);
      await live(page);
      await kept(page);
      await context.setOffline(true);
      for (const address of ["", "index.html", "?embed=1"]) {
        await page.goto(base + address);
        await live(page);
      }
      for (const address of ["static/slides/", "static/slides/index.html"]) {
        await page.goto(base + address);
        await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      }
      await context.setOffline(false);
    }, { redirects: true });
  });

  test("tabs that are closed are forgotten by the next visit, those that are open are not", async ({ page }) => {
    await open(page);
    await kept(page);
    const clients = () =>
      page.evaluate(async () => {
        const name = (await caches.keys()).find((n) => n.endsWith(" clients"));
        return (await (await caches.open(name)).keys()).map((r) => r.url);
      });
    const closed = await page.evaluate(async () => {
      const name = (await caches.keys()).find((n) => n.endsWith(" clients"));
      const url = new URL("./.client/closed", location.href).href;
      await (await caches.open(name)).put(url, new Response(null, { headers: { "x-build": "of long ago", "x-since": "0" } }));
      return url;
    });
    expect(await clients()).toContain(closed);
    await page.reload();
    await live(page);
    await expect.poll(clients).not.toContain(closed);
    expect((await clients()).length).toBeGreaterThan(0);
  });

  test("an update leaves open tabs as they are and is taken up by the next page", async ({ context, expected }) => {
    // This server is another than the one that all requests are held to.
    expected.push(/^request: http:\/\/127\.0\.0\.1/);
    await hosted(async ({ folder, base }) => {
      const old = await context.newPage();
      await old.goto(`${base}#lambda=0.5`);
      await live(old);
      await kept(old);
      const first = await build(old);

      writeFileSync(join(folder, "boot.js"), `${readFileSync(join(folder, "boot.js"), "utf8")}\nwindow.isNew = true;\n`);
      writeFileSync(join(folder, "solver_worker.js"), "throw new Error('a newer file in an old tab');\n");
      execFileSync("node", [PRECACHE, folder]);
      await old.evaluate(() => navigator.serviceWorker.ready.then((r) => r.update()));
      await expect(old.locator("#update")).toBeVisible();
      await expect(old.locator("#update")).toContainText("A new version of TYPO Lab is ready.");

      // The old tab has its own version's files, also those that it asks for only now.
      expect(await build(old)).toBe(first);
      const asked = await old.evaluate(async () => [await (await fetch("./boot.js")).text(), await (await fetch("./solver_worker.js")).text()]);
      expect(asked[0]).not.toContain("isNew");
      expect(asked[1]).not.toContain("newer file");
      // A worker that it starts now, too.
      const started = await old.evaluate(
        () =>
          new Promise((done) => {
            const worker = new Worker("./solver_worker_loader.js?v=again", { type: "module" });
            worker.onmessage = () => done("ready");
            worker.onerror = (e) => done(`error: ${e.message}`);
          }),
      );
      expect(started).toBe("ready");

      // The next page is the new one, whose solver is broken here.
      expected.push(/newer file/);
      const next = await context.newPage();
      await next.goto(base);
      expect(await build(next)).not.toBe(first);
      await expect.poll(() => next.evaluate(() => window.isNew)).toBe(true);
      // And so is the old tab once it is told to.
      await old.getByRole("button", { name: "Reload" }).click();
      await expect.poll(() => old.evaluate(() => window.isNew).catch(() => undefined)).toBe(true);
      await expect(old.getByLabel("λ, typed", { exact: true })).toHaveValue("0.5");
    });
  });
});

test.describe("where something is missing", () => {
  test("without workers a sentence says so, and exact results are shown", async ({ page }) => {
    await page.addInitScript(() => delete window.Worker);
    await open(page);
    await expect(notice(page)).toHaveText(/^The solver could not start, so training runs are not shown; exact results still are\./);
    await expect(page.locator(".verdicts [data-pi]").first()).toBeVisible();
  });

  for (const [name, init] of [
    ["caches", () => delete window.caches],
    ["service workers", () => Object.defineProperty(Navigator.prototype, "serviceWorker", { value: undefined })],
  ]) {
    test(`without ${name} a sentence says that nothing is kept, and the page works`, async ({ page }) => {
      await page.addInitScript(init);
      await open(page);
      await expect(page.locator("#offline")).toHaveText("This browser keeps nothing for the page, so it cannot be opened offline. Everything else works.");
      await expect(page.locator("#offline")).toBeVisible();
    });
  }
});
