// The page steered by messages from the page around its frame: what it answers, and to whom.
import { PRESETS, ask, compareResult, expect, framed, host, note, open, settled, specAt, test } from "./helpers.mjs";

/** Waits until the frame's run is complete and told. */
const settledFrame = (page) => page.waitForFunction(() => window.heard.some((m) => m.event === "state" && m.done));

test.describe("messages", () => {
  const SHORT = "lambda=0.3&optimiser.steps=400&losses.3.steps=400";
  const policy = (of) => Array.from({ length: 16 }, (_, k) => of(k)).join(",");
  const EXPERIMENTS = {
    ...Object.fromEntries(PRESETS.map((name) => [name, `preset=${name}`])),
    "sampled data": `${SHORT}&preferences=${encodeURIComponent('{"source":"sampled","draws":40,"seed":3,"pairing":"reference"}')}`,
    "counts": `${SHORT}&preferences=${encodeURIComponent('{"source":"counts","counts":[[[0,5,9],[2,0,7],[1,3,0]]]}')}`,
    "α on π": `${SHORT}&weight_decay.alpha=0.02&weight_decay.on=policy`,
    "a ψ and μ of one's own": `${SHORT}&losses=${encodeURIComponent('[{"kind":"qpo","psi":"squared","mu":"forward-kl","lambda":0.2},{"kind":"typo","lambda":0.2}]')}`,
    "the authors' KL": `${SHORT}&kl=authors`,
    "gradient descent": `${SHORT}&optimiser.kind=sgd&optimiser.learning_rate=0.05`,
    "sixteen actions": `${SHORT}&prompts.0.pi_ref=${policy((k) => ((k % 4) + 1) / 40)}&prompts.0.pi_star=${policy((k) => (((5 * k) % 16) + 1) / 136)}`,
  };

  test("get answers with the very JSON that the headless program prints, for every preset and every kind of experiment", async ({ page }) => {
    await host(page);
    for (const [name, link] of Object.entries(EXPERIMENTS)) {
      await test.step(name, async () => {
        const { view, ...set } = await ask(page, { do: "set", link });
        expect(set).toMatchObject({ typoLab: 1, ok: true });
        // The language model's own training is not asked for by message.
        const commands = ["minimise", "sweep", "verdict", ...(view === "language" ? [] : ["train"])];
        const { spec, ...answer } = await ask(page, { do: "get", what: ["spec", ...commands] });
        expect(answer).toMatchObject({ typoLab: 1, ok: true, playing: false, ...(view !== "language" && { done: true }) });
        expect(spec).toEqual(specAt(new URL(`#view=${view}&${link}`, page.url())));
        const off = commands.map((command) => `${command} within ${compareResult(answer[command], command, spec).toExponential(1)}`);
        note(`message ${name.padEnd(24)} ${off.join(", ")}`);
      });
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
    compareResult(minimise, "minimise", spec);
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
