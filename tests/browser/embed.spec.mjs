// The page in somebody else's frame: its parameters, its messages, its rest when out of sight; the page offline, updated, on
// paper; the example deck.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import AxeBuilder from "@axe-core/playwright";

import { compareResult, expect, lab, note, notice, open, settled, test } from "./helpers.mjs";
import { FOLDER, serve } from "./server.mjs";

const DIST = resolve(import.meta.dirname, process.env.TYPO_LAB_DIST ?? "../../dist");
const PRECACHE = resolve(import.meta.dirname, "../../.ci/precache.mjs");
const CONTROLS = {
  headline: "h1", play: ".transport", verdicts: ".verdicts", tables: "#numbers summary", preset: "#preset", lambda: "#lambda", alpha: "#alpha",
  policies: "#policy-0-star-1", data: "#c-data", counts: "#c-size", losses: "#c-losses", optimiser: "#c-adam",
};

/** Opens an embedded page by itself. */
async function embed(page, query = "", fragment = "") {
  await page.goto(`./?embed=1${query}#${fragment}`);
  await expect(page.locator("canvas").first()).toBeVisible();
}

/** A page of another author with the page in a frame; it keeps what it hears. */
async function host(page, { query = "", fragment = "", before = "" } = {}) {
  await page.route("**/host.html", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<!DOCTYPE html><html lang="en"><title>host</title><link rel="icon" href="data:,">${before}<iframe title="figure" width="900" height="700" src="./?embed=1${query}#${fragment}"></iframe>`,
    }),
  );
  await page.addInitScript(() => {
    if (window !== window.top) return;
    window.heard = [];
    addEventListener("message", (e) => window.heard.push({ ...e.data, origin: e.origin }));
    window.ask = (message) => {
      const id = Math.random().toString(36);
      document.querySelector("iframe").contentWindow.postMessage({ typoLab: 1, id, ...message }, "*");
      return new Promise((done) => addEventListener("message", (e) => e.data?.id === id && done(e.data)));
    };
  });
  await page.goto("./host.html");
  await page.waitForFunction(() => window.heard.some((m) => m.event === "ready"));
}

const ask = (page, message) => page.evaluate((m) => window.ask(m), message);
const framed = (page) => page.frameLocator("iframe");

/** The colour of a corner of the first canvas, and that of the page. */
const colours = (page) =>
  page.evaluate(async () => {
    for (let k = 0; k < 2; k++) await new Promise(requestAnimationFrame);
    const scratch = new OffscreenCanvas(1, 1).getContext("2d");
    scratch.drawImage(document.querySelector("canvas"), -2, -2);
    return [`rgb(${[...scratch.getImageData(0, 0, 1, 1).data].slice(0, 3).join(", ")})`, getComputedStyle(document.body).backgroundColor];
  });

test.describe("one figure alone", () => {
  const HAS = { interpolation: ["triangle", "learning", "curves"], preservation: ["triangle", "learning", "distances"], constraints: ["triangle", "curves", "distances"] };
  for (const [view, figures] of Object.entries(HAS)) {
    for (const figure of ["triangle", "learning", "curves", "distances"]) {
      test(`${figure} of the ${view} view`, async ({ page }) => {
        await page.goto(`./?embed=1&view=${view}&figure=${figure}`);
        const seen = () => page.locator("main [data-figure]").evaluateAll((all) => [...new Set(all.filter((e) => e.checkVisibility()).map((e) => e.dataset.figure))].sort());
        // A figure that the view has not got leaves all that it has: nothing is ever blank.
        await expect.poll(seen).toEqual(figures.includes(figure) ? [figure] : figures.toSorted());
        // A figure's title goes with it.
        const alone = await page.locator(".figures h2:has(+ [data-figure])").evaluateAll((all) => all.filter((h) => h.checkVisibility() !== h.nextElementSibling.checkVisibility()).length);
        expect(alone).toBe(0);
      });
    }
  }

  const SECTIONS = { psi: "s-psi", arrows: "s-arrows", penalty: "s-penalty", gaussians: "s-gauss", "one-label": "s-labels" };
  for (const [figure, id] of Object.entries(SECTIONS)) {
    test(`${figure} of the shapes view, and all that another view has`, async ({ page }) => {
      await embed(page, `&view=shapes&figure=${figure}`);
      const sections = page.locator(".shape").filter({ visible: true });
      await expect(sections).toHaveCount(1);
      await expect(sections).toHaveAttribute("aria-labelledby", id);
      await expect(sections.locator("canvas").first()).toBeVisible();
      await expect(page.locator(".index")).toBeHidden();
      await page.goto("about:blank");
      await embed(page, `&figure=${figure}`);
      await expect(page.locator("canvas:visible")).toHaveCount(3);
    });
  }

  test("the shapes view keeps its figures where another view's is asked for", async ({ page }) => {
    for (const figure of ["triangle", "distances"]) {
      await embed(page, `&view=shapes&figure=${figure}`);
      await expect(page.locator("canvas:visible")).toHaveCount(8);
      await page.goto("about:blank");
    }
  });
});

test.describe("parameters", () => {
  for (const [view, count] of [["interpolation", 3], ["preservation", 6], ["constraints", 3], ["shapes", 8]]) {
    test(`a frame shows the figures of the ${view} view and nothing else`, async ({ page }) => {
      await embed(page, `&view=${view}`);
      await expect(page.locator("canvas:visible")).toHaveCount(count);
      for (const selector of [".bar", "footer", "aside", ...Object.values(CONTROLS).filter((s) => s !== "h1")]) {
        await expect(page.locator(selector).filter({ visible: true }), selector).toHaveCount(0);
      }
      // Heard, though not seen.
      await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
      expect((await page.locator(".headline").boundingBox()).width).toBeLessThan(2);
    });
  }

  for (const [name, selector] of Object.entries(CONTROLS)) {
    test(`controls=${name} shows that and no other`, async ({ page }) => {
      await embed(page, `&controls=${name}`);
      await expect(page.locator(selector).first()).toBeVisible();
      for (const [other, hidden] of Object.entries(CONTROLS)) {
        if (other !== name && other !== "headline") await expect(page.locator(hidden).filter({ visible: true }), other).toHaveCount(0);
      }
    });
  }

  test("what is unknown is named in a sentence, and the rest holds", async ({ page }) => {
    await embed(page, "&controls=lamda,alpha&theme=pink&size=99&view=nowhere");
    await expect(notice(page)).toContainText("controls: “lamda” is not known and left out; known are headline, play,");
    await expect(notice(page)).toContainText("theme: “pink”");
    await expect(notice(page)).toContainText("size: got “99”");
    await expect(notice(page)).toContainText("view: “nowhere”");
    await expect(page.locator("#alpha")).toBeVisible();
  });

  test("theme sets light, dark and strong contrast, for the page and its figures", async ({ page }) => {
    const expected = { light: "rgb(252, 251, 248)", dark: "rgb(18, 20, 22)", contrast: "rgb(255, 255, 255)" };
    for (const [theme, colour] of Object.entries(expected)) {
      await embed(page, `&theme=${theme}`);
      await expect.poll(() => colours(page), theme).toEqual([colour, colour]);
      await page.goto("about:blank");
    }
  });

  test("size scales text and figures alike, and handles stay where the figure has them", async ({ page }) => {
    await embed(page, "&controls=lambda");
    const font = () => page.locator("#c-trade").evaluate((e) => parseFloat(getComputedStyle(e).fontSize));
    const usual = await font();
    await page.goto("about:blank");
    await embed(page, "&controls=lambda&size=1.5", "at=1");
    expect(await font()).toBeCloseTo(1.5 * usual, 3);
    // Dragged to the corner of a, the star's own policy must be there: the handle and the drawing share their geometry.
    const star = page.locator(".handle.star");
    const [from, frame] = [await star.boundingBox(), await page.locator(".triangle").first().boundingBox()];
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(frame.x + frame.width / 2, frame.y + frame.height / 2, { steps: 4 });
    await page.mouse.up();
    const off = async () => {
      const now = await star.boundingBox();
      return Math.max(Math.abs(now.x + now.width / 2 - (frame.x + frame.width / 2)), Math.abs(now.y + now.height / 2 - (frame.y + frame.height / 2)));
    };
    await expect.poll(off).toBeLessThan(2);
  });

  test("the way out opens the same experiment on the whole page, without a hold on this one", async ({ page, context }) => {
    await embed(page, "&view=preservation&controls=lambda", "lambda=0.25");
    const link = page.getByRole("link", { name: "Open in TYPO Lab" });
    await expect(link).toHaveAttribute("rel", "noopener");
    const [opened] = await Promise.all([context.waitForEvent("page"), link.click()]);
    await expect(opened.locator(".bar nav [aria-current]")).toHaveText("Preservation");
    await expect(opened.getByLabel("λ, typed", { exact: true })).toHaveValue("0.25");
    expect(await opened.evaluate(() => window.opener)).toBe(null);
  });

  test("axe finds nothing in a frame, in any theme", async ({ page }) => {
    for (const theme of ["light", "dark", "contrast"]) {
      await embed(page, `&theme=${theme}&controls=${Object.keys(CONTROLS).join(",")}`);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map((v) => `${theme} ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target)}`)).toEqual([]);
      await page.goto("about:blank");
    }
  });
});

test.describe("messages", () => {
  test("get answers with the very JSON that the headless program prints", async ({ page }) => {
    for (const link of ["lambda=0.1&optimiser.steps=400", "preset=figure-3-preservation&lambda=0.5", "preset=figure-3-constraint&optimiser.steps=200"]) {
      if (!page.url().includes("host")) await host(page);
      expect(await ask(page, { do: "set", link })).toMatchObject({ typoLab: 1, ok: true });
      const { spec, ...answer } = await ask(page, { do: "get" });
      expect(answer).toMatchObject({ typoLab: 1, ok: true, done: true, playing: false });
      for (const command of ["minimise", "train", "sweep", "verdict"]) {
        const off = compareResult(answer[command], lab(command, spec), command);
        note(`message ${link.slice(0, 34).padEnd(34)} ${command.padEnd(9)} within ${off.toExponential(1)}`);
      }
    }
  });

  test("set takes an experiment as an object, as text, and as a link", async ({ page }) => {
    await host(page, { query: "&controls=lambda" });
    const { spec } = await ask(page, { do: "get", what: ["spec"] });
    for (const [lambda, message] of [[0.2, (s) => ({ spec: s })], [0.3, (s) => ({ spec: JSON.stringify(s) })], [0.4, () => ({ link: "#lambda=0.4" })]]) {
      spec.losses.forEach((l) => (l.lambda = lambda));
      expect(await ask(page, { do: "set", at: 0.5, ...message(spec) })).toMatchObject({ ok: true });
      await expect(framed(page).getByLabel("λ, typed", { exact: true })).toHaveValue(String(lambda));
      expect((await ask(page, { do: "get", what: ["spec"] })).spec).toEqual(spec);
    }
    expect(await ask(page, { do: "set", link: "", view: "preservation" })).toMatchObject({ ok: true });
    expect(await ask(page, { do: "get", what: [] })).toMatchObject({ view: "preservation", ok: true });
  });

  test("a deed is answered with where the page then stands", async ({ page }) => {
    await host(page, { fragment: "at=0.5" });
    expect(await ask(page, { do: "set", link: "view=preservation&lambda=0.25&at=0.25" })).toMatchObject({ ok: true, view: "preservation", at: 0.25, playing: false, link: expect.stringContaining("lambda=0.25") });
    expect(await ask(page, { do: "seek", at: 0.75 })).toMatchObject({ ok: true, view: "preservation", at: 0.75 });
    expect(await ask(page, { do: "play" })).toMatchObject({ ok: true, playing: true });
    expect(await ask(page, { do: "pause" })).toMatchObject({ ok: true, playing: false });
    expect(await ask(page, { do: "story", step: 1 })).toMatchObject({ ok: true, view: "interpolation", link: expect.stringContaining("story=1") });
  });

  test("what is asked right after a change is told of the change, not of what was before", async ({ page }) => {
    await host(page);
    const link = "optimiser.steps=40000&losses.3.steps=40000&lambda=0.3";
    const [set, told] = await page.evaluate(
      (link) => Promise.all([window.ask({ do: "set", link }), window.ask({ do: "get", what: ["spec", "train"] })]),
      link,
    );
    expect([set.ok, told.ok]).toEqual([true, true]);
    expect(told.spec.losses.map((l) => l.lambda)).toEqual(Array(5).fill(0.3));
    expect(told.train.runs.map((r) => r.steps.at(-1))).toEqual(Array(5).fill(40_000));
  });

  test("story opens a step of the tour with its experiment, and names the steps that there are", async ({ page }) => {
    await host(page);
    expect(await ask(page, { do: "story", step: 7 })).toMatchObject({ ok: true });
    await expect(framed(page).getByText("Tour, step 7 of 12")).toBeVisible();
    expect(await ask(page, { do: "get", what: [] })).toMatchObject({ view: "preservation" });
    expect(await ask(page, { do: "story", step: 13 })).toMatchObject({ ok: false, error: "step: got 13, expected a step of the tour, from 1 to 12." });
  });

  test("play, pause, step and seek move training time", async ({ page }) => {
    await host(page, { fragment: "at=0.5" });
    const at = async () => (await ask(page, { do: "get", what: ["train"] })).at;
    expect(await ask(page, { do: "seek", at: 0.25 })).toMatchObject({ ok: true });
    expect(await at()).toBe(0.25);
    await ask(page, { do: "step" });
    const stepped = await at();
    expect(stepped).toBeGreaterThan(0.25);
    await ask(page, { do: "play" });
    await expect.poll(at).toBeGreaterThan(stepped + 0.02);
    expect(await ask(page, { do: "pause" })).toMatchObject({ ok: true });
    const paused = await at();
    await page.waitForTimeout(200);
    expect(await at()).toBe(paused);
  });

  test("the parent hears that the page is ready and what changes, and nobody else does", async ({ page }) => {
    await host(page);
    await ask(page, { do: "set", link: "lambda=0.7" });
    await page.waitForFunction(() => window.heard.some((m) => m.event === "state" && m.link === "lambda=0.7" && m.done));
    const origin = new URL(page.url()).origin;
    for (const m of await page.evaluate(() => window.heard)) expect(m).toMatchObject({ typoLab: 1, origin });
    // By itself the page has no parent, and tells nobody.
    const heard = await page.context().newPage();
    await heard.addInitScript(() => addEventListener("message", () => (window.told = true)));
    await open(heard);
    await settled(heard);
    expect(await heard.evaluate(() => window.told)).toBe(undefined);
  });

  test("results of the language model's experiment are the bandit's, and its training is not asked for by message", async ({ page }) => {
    await host(page, { query: "&view=language" });
    const { spec, minimise, view } = await ask(page, { do: "get", what: ["spec", "minimise"] });
    expect(view).toBe("language");
    compareResult(minimise, lab("minimise", spec), "minimise");
    for (const what of [["train"], undefined]) {
      expect(await ask(page, { do: "get", what })).toMatchObject({ ok: false, error: expect.stringContaining("leave train out") });
    }
  });

  test("messages of others are neither answered nor complained of", async ({ page }) => {
    await host(page);
    await settledFrame(page);
    const before = await ask(page, { do: "get", what: ["spec"] });
    const answers = await page.evaluate(async () => {
      const to = document.querySelector("iframe").contentWindow;
      const heard = window.heard.length;
      const foreign = [
        null, undefined, 5, NaN, "typoLab", "", true, [], {}, [1, [2]], new Date(), /x/, new Map([["typoLab", 1]]), new Set([1]), new ArrayBuffer(1 << 20), 10n ** 30n,
        { do: "set" }, { typoLab: 1 }, { typoLab: 1, event: "ready" }, { typoLab: 1, id: 1, ok: true }, { source: "react-devtools-bridge", payload: {} },
        JSON.parse('{"__proto__": {"typoLab": 1, "do": "set", "link": "lambda=9"}}'), JSON.parse('{"constructor": {"prototype": {"typoLab": 1}}}'),
        "x".repeat(5_000_000), Array.from({ length: 100_000 }, (_, k) => ({ k })),
      ];
      foreign.forEach((m) => to.postMessage(m, "*"));
      await new Promise((done) => setTimeout(done, 500));
      return window.heard.slice(heard);
    });
    expect(answers).toEqual([]);
    expect(await ask(page, { do: "get", what: ["spec"] })).toEqual({ ...before, id: expect.any(String) });
  });

  test("hostile messages get one plain sentence, and change nothing", async ({ page }) => {
    await host(page);
    await settledFrame(page);
    const before = await ask(page, { do: "get", what: ["spec"] });
    const hostile = await page.evaluate(async () => {
      const deep = (n) => (n === 0 ? 1 : [deep(n - 1)]);
      const round = { do: "set" };
      round.spec = round;
      const messages = {
        "an unknown wish": { do: "eval" },
        "a wish of a prototype": { do: "__proto__" },
        "no text": { do: { toString: "set" } },
        "another version": { typoLab: 2, do: "play" },
        "a version as text": { typoLab: "1", do: "play" },
        "nothing to set": { do: "set" },
        "both": { do: "set", spec: {}, link: "" },
        "a list": { do: "set", spec: [] },
        "a prototype": { do: "set", spec: JSON.parse('{"__proto__": {"version": 1}, "version": 1}') },
        "junk": { do: "set", spec: "{" },
        "a broken link": { do: "set", link: "lambda=%zz" },
        "too much work": { do: "set", link: "optimiser.steps=9000000" },
        "too many points": { do: "set", link: "sweep.points=10001" },
        "a huge text": { do: "set", spec: " ".repeat(20_000_000) },
        "a huge link": { do: "set", link: `x=${"y".repeat(2_000_000)}` },
        "a huge list": { do: "set", spec: { prompts: new Array(3_000_000).fill(0) } },
        "a deep list": { do: "set", spec: deep(2000) },
        "a loop": round,
        "a map": { do: "set", spec: new Map([["version", 1]]) },
        "a number beyond numbers": { do: "seek", at: Infinity },
        "a moment beyond the end": { do: "seek", at: 1.5 },
        "no part": { do: "get", what: ["constructor"] },
        "no step": { do: "story", step: -1 },
        "a view of a prototype": { do: "set", link: "", view: "__proto__" },
      };
      const answers = {};
      for (const [name, message] of Object.entries(messages)) answers[name] = await window.ask(message);
      // A name that cannot be carried back is answered without one.
      const nameless = new Promise((done) => addEventListener("message", (e) => e.data.id === null && done(e.data), { once: false }));
      document.querySelector("iframe").contentWindow.postMessage({ typoLab: 1, id: { a: 1 }, do: "play" }, "*");
      answers["a name that is none"] = await nameless;
      return answers;
    });
    for (const [name, answer] of Object.entries(hostile)) {
      expect(Object.keys(answer).sort(), name).toEqual(["error", "id", "ok", "typoLab"]);
      expect(answer.ok, name).toBe(false);
      expect(answer.error, name).toMatch(/^[^\n]{10,800}\.$/);
    }
    expect(hostile["too much work"].error).toContain("more than the page computes at once");
    expect(hostile["a huge text"].error).toContain("more than this page reads");
    expect(await ask(page, { do: "get", what: ["spec"] })).toEqual({ ...before, id: expect.any(String) });
  });

  test("a sandboxed frame's messages are answered too", async ({ page }) => {
    await page.route("**/host.html", (route) =>
      route.fulfill({ contentType: "text/html", body: `<!DOCTYPE html><title>host</title><link rel="icon" href="data:,"><iframe id="app" src="./?embed=1"></iframe><iframe id="other" sandbox="allow-scripts" srcdoc="<script>addEventListener('message', (e) => parent.postMessage({heard: e.data}, '*')); parent[0].postMessage({typoLab: 1, id: 'z', do: 'get', what: ['spec']}, '*')</script>"></iframe>` }),
    );
    await page.addInitScript(() => {
      window.all = [];
      addEventListener("message", (e) => window.all.push(e.data));
    });
    await page.goto("./host.html");
    await page.waitForFunction(() => window.all.some((m) => m.event === "ready"));
    await page.evaluate(() => (document.querySelector("#other").srcdoc += " "));
    await page.waitForFunction(() => window.all.some((m) => m.heard?.id === "z" && m.heard.ok));
  });
});

/** Waits until the frame's run is complete and told. */
const settledFrame = (page) => page.waitForFunction(() => window.heard.some((m) => m.event === "state" && m.done));

test.describe("out of sight", () => {
  test.use({ contextOptions: { reducedMotion: "no-preference" } });

  test("a frame that is scrolled away neither plays nor trains, and goes on when it is back", async ({ page }) => {
    const FAR = `<div id="far"></div><script>document.querySelector("#far").style.height = "5000px"</script>`;
    // The solver comes only once the page knows that it is out of sight, or it could be done before.
    let letIn;
    const unseen = new Promise((done) => (letIn = done));
    await page.route("**/solver_worker_bg.wasm*", async (route) => {
      await unseen;
      await route.continue();
    });
    const loaded = page.waitForEvent("requestfinished", (r) => r.url().includes("solver_worker_bg.wasm"));
    await host(page, { before: FAR, fragment: "optimiser.steps=40000" });
    const look = () => ask(page, { do: "get", what: [] });
    // Observers hear in the order in which they began: the page's own has heard before this one.
    const isSeen = await framed(page).locator("html").evaluate((root) => new Promise((done) => new IntersectionObserver((entries) => done(entries.at(-1).isIntersecting)).observe(root)));
    expect(isSeen).toBe(false);
    const { at } = await look();
    letIn();
    await loaded;
    const train = page.evaluate(() => window.ask({ do: "get", what: ["train"] }).then((a) => (window.got = a.train.runs.length)));
    // Many times what the whole training takes.
    await page.waitForTimeout(1500);
    expect(await look()).toMatchObject({ at, playing: true, done: false });
    expect(await page.evaluate(() => window.got)).toBe(undefined);

    await page.evaluate(() => scrollTo(0, 6000));
    expect(await train).toBe(5);
    const before = (await look()).at;
    await expect.poll(async () => (await look()).at).toBeGreaterThan(before);
  });
});

test.describe("in a hidden tab", () => {
  test.use({ contextOptions: { reducedMotion: "no-preference" } });

  test("nothing plays and nothing trains, and both go on when it is shown", async ({ page }) => {
    await open(page, "at=0");
    await settled(page);
    const show = (hidden) =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    const after = (frames) =>
      page.evaluate(async (frames) => {
        for (let k = 0; k < frames; k++) await new Promise(requestAnimationFrame);
        return Number(document.querySelector("#time").value);
      }, frames);
    const numbers = page.locator("#numbers");
    await page.locator("#speed").selectOption({ label: "¼ ×" });
    await page.locator(".transport .primary").click();
    expect(await after(20)).toBeGreaterThan(0);
    await show(true);
    const rested = await after(2);
    expect(await after(30)).toBe(rested);
    await expect(page.locator(".transport .primary")).toHaveText("Pause");
    await page.getByLabel("λ, typed", { exact: true }).fill("0.3");
    await page.keyboard.press("Enter");
    await expect(numbers).toHaveAttribute("data-run-done", "false");
    // Many times what the training takes.
    await page.waitForTimeout(1000);
    await expect(numbers).toHaveAttribute("data-run-done", "false");
    await show(false);
    await expect(numbers).toHaveAttribute("data-run-done", "true");
    expect(await after(30)).toBeGreaterThan(rested);
  });
});

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
      if (figures) await expect(framed(page).locator("canvas").first()).toBeVisible();
    }
    await page.keyboard.press("ArrowLeft");
    await expect(page.locator("#place")).toHaveText(`${count - 1} of ${count}`);
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

test("the page has a card, a manifest with icons, and a description", async ({ page, baseURL }) => {
  await open(page);
  const content = (name) => page.locator(`meta[property="${name}"], meta[name="${name}"]`).first().getAttribute("content");
  for (const name of ["og:title", "og:description", "og:image:alt", "description"]) expect((await content(name)).length).toBeGreaterThan(20);
  const size = async (address) => {
    const bytes = await (await page.request.get(new URL(address, baseURL).href)).body();
    return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  };
  expect(await size(await content("og:image"))).toEqual([1200, 630]);
  const manifest = await page.locator("link[rel=manifest]").getAttribute("href");
  const { icons, start_url: start } = await (await page.request.get(new URL(manifest, baseURL).href)).json();
  expect(new URL(start, new URL(manifest, baseURL)).href).toBe(baseURL);
  for (const icon of icons.filter((i) => i.type === "image/png")) expect((await size(`static/${icon.src}`)).join("x")).toBe(icon.sizes);
});
