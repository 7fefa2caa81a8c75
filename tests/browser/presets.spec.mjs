// Every preset, chosen from the list of each view that offers it, and the paper's readings beside those that have some.
import { PRESETS, READINGS, VIEWS, compare, compareCurves, compareExact, compareRuns, expect, home, lab, open, preset, prints, settled, specOf, test, type } from "./helpers.mjs";
import { pictures } from "./rows.mjs";

/** Loss shapes are shapes at any setting but the language model's. */
const offered = (view) => PRESETS.filter((name) => home(name) === view || (view === "shapes" && home(name) !== "language"));

/** What a view shows of an experiment, compared with the headless program's. */
const COMPARED = {
  interpolation: async (page, name) => [await compare(page, name), await compareCurves(page)],
  // Each loss in turn has the arrows, and its minimiser in words below them; all have their runs.
  shapes: async (page, name) => {
    await compareRuns(page, `${name} as shapes`);
    const said = page.locator("section[aria-labelledby=s-arrows] .measured");
    for (const [k, { prompts: [{ pi }] }] of lab("minimise", await specOf(page)).minimisers.entries()) {
      await page.locator(".legend .entry").nth(k).click();
      await expect(page.locator(".legend .entry").nth(k)).toHaveAttribute("aria-pressed", "true");
      const shown = (await said.textContent()).match(/exact minimiser, \(([^)]*)\)/)[1].split(", ");
      expect(shown.map((p, a) => prints(p, pi[a])), `${name}, loss ${k}: ${shown}`).toEqual(pi.map(() => true));
      await page.locator(".legend .entry").nth(k).click();
    }
  },
  // Its runs are a model's: what is compared is the theory beside them.
  language: async (page) => {
    const theory = page.locator(".measured tbody tr");
    const nats = await theory.evaluateAll((rows) => rows.map((r) => [...r.querySelectorAll("[data-of=theory]")].map((c) => Number(c.dataset.nats))));
    compareExact(await specOf(page), [], nats);
    await compareCurves(page);
  },
};
[COMPARED.preservation, COMPARED.constraints] = [COMPARED.interpolation, COMPARED.interpolation];

for (const view of [...Object.keys(VIEWS), "language"]) {
  test(`every preset in the list of the ${view} view brings its own experiment, with the headless program's numbers`, async ({ page }) => {
    await open(page, `view=${view}&lambda=0.7`);
    const list = page.locator("#preset");
    expect(await list.locator("option").evaluateAll((all) => all.map((o) => o.value))).toEqual(offered(view));
    for (const name of offered(view)) {
      await test.step(name, async () => {
        // Whatever was set before goes.
        await type(page, "λ", "0.7");
        await list.selectOption(name);
        await settled(page, { run: view !== "language" });
        expect(await specOf(page)).toEqual(preset(name));
        expect(new URL(page.url()).hash).toMatch(/^#?&?(view=[a-z]+)?&?(preset=[\w-]+)?$/);
        await COMPARED[view](page, name);
      });
    }
  });
}

for (const [name, readings] of Object.entries(READINGS)) {
  test(`beside the paper, ${name}: the authors' settings, its readings drawn and told, and the gap to them`, async ({ page }) => {
    await open(page, `preset=${name}`);
    const press = (button) => page.getByRole("button", { name: button, exact: true }).click();
    await press("the authors’ run");
    await expect(page.locator(".paper")).toHaveCount(1);
    await press("our run");
    await settled(page);
    await expect(page.locator(".paper")).toHaveCount(0);
    expect(await specOf(page)).toEqual(preset(name));
    await press("the authors’ run");
    await settled(page);
    const spec = await specOf(page);
    expect([spec.kl, spec.preferences]).toEqual(["authors", { source: "sampled", draws: 300, seed: 100, pairing: "uniform" }]);
    const rows = await compare(page, `${name}, the authors’`);

    const shown = await page.locator(".paper tbody tr").evaluateAll((all) => all.map((r) => ({ ...r.dataset, cells: [...r.cells].map((c) => c.childNodes[0].textContent), gap: Number(r.querySelector("[data-gap]").dataset.gap) })));
    expect(shown.map(({ loss, moment, cells }) => [loss, moment, cells[2].slice(1, -1).split(", ").map(Number)])).toEqual(readings);
    const { runs } = lab("train", spec);
    for (const { loss, moment, gap } of shown) {
      const [, , reading] = readings.find(([l, m]) => l === loss && m === moment);
      const apart = (pi) => pi.reduce((sum, p, a) => sum + Math.abs(p - reading[a]) / 2, 0);
      const trace = runs.find((r) => r.loss === loss).prompts[0].pi;
      // Of a plateau, where the run comes nearest.
      expect(Math.abs(gap - (moment === "end" ? apart(rows.find((r) => r.loss === loss).pi) : Math.min(...trace.map(apart)))), `${loss}, ${moment}`).toBeLessThan(1e-9);
    }

    // The same runs without the paper: what else is drawn are the readings, as rings on the triangle and in the learning curves.
    const beside = await pictures(page);
    const alone = new URL(page.url());
    alone.hash = alone.hash.replace("paper=1", "").replace("#&", "#").replace("&&", "&");
    await page.goto("about:blank");
    await page.goto(alone.href);
    await settled(page);
    await expect(page.locator(".paper")).toHaveCount(0);
    expect(await specOf(page)).toEqual(spec);
    const without = await pictures(page);
    expect(Object.keys(beside).filter((key) => beside[key] !== without[key])).toEqual(["0 triangle", "1 learning"]);
  });
}

for (const name of PRESETS.filter((name) => /^figure-3/.test(name))) {
  test(`the authors' run of ${name} has their draws and steps, and the headless program's numbers`, async ({ page }) => {
    await open(page, `preset=${name}`);
    await page.getByRole("button", { name: "the authors’ run", exact: true }).click();
    await settled(page);
    const spec = await specOf(page);
    expect(spec.kl).toBe("authors");
    expect(spec.preferences.source).toBe("sampled");
    expect(spec).not.toEqual(preset(name));
    await compare(page, `${name}, the authors’`);
  });
}

test("the list names the preset of a link that brings another view than the preset's", async ({ page }) => {
  const prompts = ["a", "b", "c"].map((name) => ({ name, pi_ref: [0.4, 0.4, 0.2], pi_star: [0.6, 0.3, 0.1] }));
  await open(page, `prompts=${encodeURIComponent(JSON.stringify(prompts))}`);
  await expect(page.locator("#preset")).toHaveValue("figure-2");
  await expect(page.locator("#preset option:checked")).toHaveText("Figure 2: small λ");
});
