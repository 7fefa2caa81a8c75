// The page in somebody else's frame: its figures, its parameters, its rest when out of sight.
import AxeBuilder from "@axe-core/playwright";

import { ask, colours, expect, framed, host, notice, open, settled, test } from "./helpers.mjs";

const CONTROLS = {
  headline: "h1", play: ".transport", verdicts: ".verdicts", tables: "#numbers summary", preset: "#preset", lambda: "#lambda", alpha: "#alpha",
  policies: "[id^=policy-]", data: "#c-data", counts: "#c-size", losses: "#c-losses", optimiser: "#c-optimiser",
};

/** What a view has not got: shapes have neither runs to play nor verdicts, and the language model's world has its own policies and pairs. */
const LACKS = { interpolation: [], preservation: [], constraints: [], shapes: ["play", "verdicts"], language: ["policies", "data", "counts"] };

/** Opens an embedded page by itself. */
async function embed(page, query = "", fragment = "") {
  await page.goto(`./?embed=1${query}#${fragment}`);
  await expect(page.locator("canvas:visible").first()).toBeVisible();
}

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

  for (const [view, lacks] of Object.entries(LACKS)) {
    test(`controls= shows what it names and no other in the ${view} view`, async ({ page }) => {
      for (const name of Object.keys(CONTROLS)) {
        await test.step(name, async () => {
          await embed(page, `&view=${view}&controls=${name}`);
          // Tables and folds come last.
          await expect(page.locator("#numbers")).toHaveCount(1);
          const seen = () => page.evaluate((all) => Object.keys(all).filter((k) => [...document.querySelectorAll(all[k])].some((e) => e.checkVisibility())), CONTROLS);
          // The heading is there for whoever listens.
          await expect.poll(seen).toEqual(Object.keys(CONTROLS).filter((k) => k === "headline" || (k === name && !lacks.includes(name))));
          expect((await page.locator(".headline").boundingBox()).width < 2).toBe(name !== "headline");
        });
      }
    });
  }

  test("a frame with controls is no wider than its window", async ({ page }) => {
    for (const [view, lacks] of Object.entries(LACKS)) {
      await page.setViewportSize({ width: 900, height: 600 });
      await embed(page, `&view=${view}&controls=${Object.keys(CONTROLS).filter((name) => !lacks.includes(name)).join()}`);
      await expect(page.locator("#numbers")).toHaveCount(1);
      for (const width of [900, 760, 700, 640, 360]) {
        await page.setViewportSize({ width, height: 600 });
        await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${view}, ${width} px`).toBeLessThanOrEqual(0);
      }
    }
  });

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

  test("of three prompts a frame shows one's sliders and the choice among them", async ({ page }) => {
    const prompts = ["a", "b", "c"].map((name) => ({ name, pi_ref: [0.4, 0.4, 0.2], pi_star: [0.6, 0.3, 0.1] }));
    await embed(page, "&controls=policies", `prompts=${encodeURIComponent(JSON.stringify(prompts))}`);
    await page.getByRole("group", { name: "which prompt’s policies are set" }).getByRole("button", { name: "c" }).click();
    await expect(page.locator("#policy-2-star-0")).toBeVisible();
    await expect(page.locator("#policy-0-star-0")).toHaveCount(0);
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

  for (const view of Object.keys(LACKS)) {
    test(`axe finds nothing in a frame of the ${view} view, in any theme`, async ({ page }) => {
      const found = [];
      // Strong contrast is light or dark as the system is. What themes change is colour.
      for (const [theme, colorScheme, tags] of [["light", "light"], ["dark", "light", "cat.color"], ["contrast", "light", "cat.color"], ["contrast", "dark", "cat.color"]]) {
        await page.emulateMedia({ colorScheme });
        await embed(page, `&view=${view}&theme=${theme}&controls=${Object.keys(CONTROLS).join(",")}`, "sweep.points=7");
        await expect(page.locator("#numbers")).toHaveCount(1);
        await page.evaluate(() => document.querySelectorAll("details:not([open], [name]) > summary").forEach((summary) => summary.click()));
        const axe = new AxeBuilder({ page }).exclude("tbody tr:nth-child(n + 4)");
        const { violations } = await (tags ? axe.withTags(tags) : axe).analyze();
        found.push(...violations.map((v) => `${theme} ${colorScheme} ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target)}`));
        await page.goto("about:blank");
      }
      expect(found).toEqual([]);
    });
  }
});

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
