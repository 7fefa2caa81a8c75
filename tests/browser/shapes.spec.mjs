// The losses as functions: every figure drawn, its numbers the headless program's or recomputed here, its words what the numbers say.
import { EXACT, compareRuns, dragBy, expect, gap, lab, notice, open, prints, promptOf, settled, slide, specOf, test, type, unfold as unfoldControls } from "./helpers.mjs";
import { becomes, chosen, pressed, row, same, typed, useEach } from "./rows.mjs";

const section = (page, id) => page.locator(`section[aria-labelledby=${id}]`);
/** Opens a table, whose rows come with it. */
async function unfold(page, name) {
  await page.locator(".shape summary", { hasText: name }).click();
  await expect(page.locator(".shape details", { hasText: name }).locator("tbody tr").first()).toBeVisible();
}
const legend = (page, loss) => page.locator(`.legend .entry.${loss}`).click();

/** The lines of a section's table as numbers in full, by what its first cell says. */
const numbers = async (page, id) =>
  Object.fromEntries(await section(page, id).locator("tr[data-numbers]").evaluateAll((rows) => rows.map((r) => [r.cells[0].textContent, JSON.parse(r.dataset.numbers)])));

/** The lines of a section's table as text. */
const cells = (page, id) => section(page, id).locator("tbody tr").evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.textContent)));

/** What one canvas of a section shows. */
const picture = (page, id, k = 0) => section(page, id).locator("canvas").nth(k).evaluate((c) => c.toDataURL());

/** With one label a pair, the minimisers are the headless program's for both references: the prompt's own, and one that favours what the labels reject. */
function compareOneLabel(spec, x, found) {
  const { pi_star: star, ...prompt } = spec.prompts[x];
  const order = star.map((_, a) => a).sort((a, b) => star[b] - star[a]);
  const place = (a) => order.indexOf(a);
  const other = star.map((_, a) => (2 * (place(a) + 1)) / (star.length * (star.length + 1)));
  const counts = [star.map((_, a) => star.map((_, b) => Number(place(a) < place(b))))];
  [prompt.pi_ref, other].forEach((pi_ref, k) => {
    const asked = { ...spec, prompts: [{ ...prompt, pi_ref, pi_star: star }], preferences: { source: "counts", counts }, weight_decay: { ...spec.weight_decay, alpha: 0 } };
    const exact = lab("minimise", asked).minimisers.map((m) => m.prompts[0].pi);
    expect(gap(Object.values(found).map(([policies]) => policies[k]), exact)).toBeLessThan(EXACT);
  });
}

/** All numbers of the view that the headless program prints too: the runs, the minimiser that the arrows lead to, and those with one label a pair. */
async function compareShapes(page, name) {
  const [spec, x] = [await specOf(page), promptOf(page)];
  await compareRuns(page, name);
  const only = new URLSearchParams(new URL(page.url()).hash.slice(1)).get("only");
  const loss = Number(only ?? spec.losses.findIndex((l) => l.kind === "typo"));
  const { pi } = lab("minimise", spec).minimisers[loss].prompts[x];
  const [, policy] = (await section(page, "s-arrows").locator(".measured").textContent()).match(/exact minimiser, \((.+)\)\.$/);
  expect(policy.split(", ").filter((p, a) => !prints(p, pi[a]))).toEqual([]);
  const whole = Object.values(await numbers(page, "s-arrows")).at(-1);
  expect(whole[2]).toBeLessThan(1e-8);
  compareOneLabel(spec, x, await numbers(page, "s-labels"));
}

test("the view opens from its tab at figure 6's λ, with its five sections drawn", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: "Loss shapes" }).click();
  await settled(page);
  await expect(page.locator(".shape")).toHaveCount(5);
  await expect(page.locator(".shape canvas")).toHaveCount(8);
  // What the page's summary leaves out tells itself to those who hear the page.
  await expect(page.locator(".shape h2[aria-live=polite]")).toHaveCount(3);
  // Places in the paper lead there.
  const places = await page.locator(".shape h2 a").evaluateAll((all) => all.map((a) => [a.textContent, a.href.split("#")[1]]));
  expect(places).toEqual([
    ["equation (11)", ":~:text=(11)"], ["figure 8", ":~:text=Figure%208:"], ["appendix C", "A3"], ["appendix D", "A4"],
    ["section 3.2", "S3.SS2"], ["appendix F.2", "A6.SS2"],
  ]);
  expect(new URL(page.url()).hash).toBe("#view=shapes");
  await expect(page.locator("#preset")).toHaveValue("figure-8");
  expect((await specOf(page)).losses[0].lambda).toBe(0.1);
});

test("ψ and its slope follow λ, and the table holds their closed forms", async ({ page }) => {
  await open(page, "view=shapes");
  await settled(page);
  const before = [await picture(page, "s-psi", 0), await picture(page, "s-psi", 1)];
  await type(page, "λ", "0.5");
  await settled(page);
  const after = [await picture(page, "s-psi", 0), await picture(page, "s-psi", 1)];
  expect(after[0]).not.toBe(before[0]);
  expect(after[1]).not.toBe(before[1]);
  await unfold(page, "The shapes in numbers");
  const rows = Object.fromEntries((await cells(page, "s-psi")).map(([psi, loss, ...rest]) => [loss || psi, rest]));
  const sigma = (x) => 1 / (1 + Math.exp(-x));
  // λ, ψ at 0, and |ψ′| at −4, 0 and 4.
  expect(rows.DPO).toEqual(["0.5", "0.693", ...[2, 0, -2].map((x) => (0.5 * sigma(x)).toFixed(3))]);
  expect(rows.IPO).toEqual(["0.5", "1.000", "10.000", "2.000", "6.000"]);
  expect(rows.hinge).toEqual(["0.5", "1.000", "0.500", "0.500", "0"]);
  expect(rows.exponential).toEqual(["0.5", "1.000", ...[2, 0, -2].map((x) => (0.5 * Math.exp(x)).toFixed(3))]);
  expect(rows.TYPO).toEqual(["none", "0.693", ...[4, 0, -4].map((x) => sigma(x).toFixed(3))]);
});

test("TYPO's supervised part rests at π*, its unsupervised one at π_ref, and the sum at the headless program's minimiser", async ({ page }) => {
  await open(page, "view=shapes");
  for (const lambda of ["0.1", "2"]) {
    await type(page, "λ", lambda);
    await settled(page);
    const slopes = await numbers(page, "s-arrows");
    const [supervised, unsupervised, sum] = [slopes["supervised part, (16)"], slopes["unsupervised part, (17)"], slopes["their sum"]];
    // π* = (.6, .3, .1), π_ref = (.4, .4, .2): λ (π − π_ref) at most 0.2 λ.
    expect(supervised[0]).toBeLessThan(EXACT);
    expect(unsupervised[1]).toBeLessThan(EXACT);
    expect(sum[2]).toBeLessThan(EXACT);
    expect(Math.abs(unsupervised[0] - 0.2 * Number(lambda))).toBeLessThan(EXACT);
    expect(Math.abs(sum[0] - unsupervised[0])).toBeLessThan(EXACT);
    expect(Math.abs(sum[1] - supervised[1])).toBeLessThan(EXACT);
    const typo = lab("minimise", await specOf(page)).minimisers.find((m) => m.loss === "typo").prompts[0].pi;
    await expect(section(page, "s-arrows").locator(".measured")).toContainText(`(${typo.map((p) => p.toFixed(2)).join(", ")})`);
  }
});

test("a loss that is picked has one triangle of its own, and its handles move the policies", async ({ page }) => {
  await open(page, "view=shapes&lambda=1");
  await settled(page);
  await expect(section(page, "s-arrows").locator("canvas")).toHaveCount(3);
  await legend(page, "dpo");
  await expect(section(page, "s-arrows").locator("canvas")).toHaveCount(1);
  await expect(page.locator("#s-arrows")).toContainText("Where DPO moves each policy");
  const before = await picture(page, "s-arrows");
  await dragBy(page, ".handle.star", -40, 30);
  await settled(page);
  expect(gap((await specOf(page)).prompts[0].pi_star, [0.6, 0.3, 0.1])).toBeGreaterThan(0.05);
  expect(await picture(page, "s-arrows")).not.toBe(before);
  expect((await numbers(page, "s-arrows")).DPO[2]).toBeLessThan(1e-8);
});

test("other than three actions have no arrows, but their slopes", async ({ page }) => {
  await open(page, "view=shapes&prompts.0.pi_ref=0.4,0.3,0.2,0.1&prompts.0.pi_star=0.1,0.2,0.3,0.4");
  await settled(page);
  await expect(section(page, "s-arrows")).toContainText("Arrows are drawn for three actions");
  expect((await numbers(page, "s-arrows"))["supervised part, (16)"][0]).toBeLessThan(EXACT);
});

test("γ slides between ℓ₀ and ℓ₁, is kept in the address, and is undone", async ({ page }) => {
  await open(page, "view=shapes");
  await settled(page);
  const field = page.getByLabel("γ, typed", { exact: true });
  await expect(field).toHaveValue("0.1");
  const before = await picture(page, "s-penalty");
  await slide(page, "#gamma", 900);
  await settled(page);
  // The track runs from 1e-4 to 1e2.
  const gamma = Number((1e-4 * 10 ** (6 * 0.9)).toPrecision(3));
  expect(new URL(page.url()).hash).toBe(`#gamma=${gamma}&view=shapes`);
  expect(await picture(page, "s-penalty")).not.toBe(before);
  await page.reload();
  await settled(page);
  await expect(field).toHaveValue(String(gamma));
  await type(page, "γ", "0.5");
  await expect(field).toHaveValue("0.5");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(field).toHaveValue(String(gamma));
});

test("relative concavity holds one way round only, with the excess that the definition gives", async ({ page }) => {
  await open(page, "view=shapes&gamma=0.5");
  await settled(page);
  const rows = await cells(page, "s-penalty");
  expect(rows.map((r) => r[1])).toEqual(["holds", "holds", "fails", "fails"]);
  const points = Array.from({ length: 60 }, (_, k) => (k + 1) / 60);
  const rise = (gamma, a, b) => (gamma === Infinity ? b - a : (gamma + a) * Math.log((gamma + b) / (gamma + a)));
  const excess = (g, f) => Math.max(...points.flatMap((a) => points.map((b) => rise(g, a, b) - rise(f, a, b))));
  expect(rows[2][3]).toBe(excess(0.5, 0).toFixed(3));
  expect(rows[3][3]).toBe(excess(Infinity, 0.5).toFixed(3));
});

test("a wrong γ is refused in one sentence, in the field and in the address", async ({ page }) => {
  await open(page, "view=shapes&gamma=0.5");
  await type(page, "γ", "-1");
  await expect(notice(page)).toHaveText(/^γ: got “-1”, expected a number from \S+ to \S+\.$/);
  await expect(page.getByLabel("γ, typed", { exact: true })).toHaveValue("0.5");
  await page.goto("about:blank");
  await open(page, "view=shapes&gamma=abc");
  await expect(notice(page)).toHaveText(/^This link could not be read\. gamma: got “abc”, expected a number from 1e-6 to 1e6\. The default is shown\.$/);
});

test("DPO and the two Gaussians agree to rounding at every λ", async ({ page }) => {
  await open(page, "view=shapes");
  for (const lambda of ["1e-5", "0.1", "3", "500"]) {
    await type(page, "λ", lambda);
    await settled(page);
    const off = Number(await page.locator("#gauss-off").getAttribute("data-off"));
    expect(off).toBeGreaterThanOrEqual(0);
    expect(off).toBeLessThan(1e-13 * (1 + 12 * Number(lambda)));
    await expect(page.locator("#s-gauss")).toContainText("are DPO");
  }
  await unfold(page, "Both derivations in numbers");
  expect((await cells(page, "s-gauss")).length).toBeGreaterThan(10);
});

test("with one label a pair, DPO and f-DPO forget π_ref; the minimisers are the headless program's for both references", async ({ page }) => {
  await open(page, "view=shapes&lambda=0.4");
  await settled(page);
  const found = await numbers(page, "s-labels");
  await expect(page.locator("#s-labels")).toContainText("DPO and f-DPO forget the reference at every λ");
  compareOneLabel(await specOf(page), 0, found);
  expect(Object.entries(found).map(([loss, [, apart, forgets]]) => [loss, apart < EXACT, forgets])).toEqual([
    ["RLHF", false, false],
    ["DPO", true, true],
    ["IPO", false, false],
    ["f-DPO", true, true],
    ["TYPO", false, false],
  ]);
});

test("where no loss forgets, the heading says so", async ({ page }) => {
  await open(page, `view=shapes&losses=${encodeURIComponent('[{"kind":"typo","lambda":0.4},{"kind":"ipo","lambda":0.4}]')}`);
  await settled(page);
  await expect(page.locator("#s-labels")).toContainText("every loss here still remembers the reference");
});

test("the view's arrows, shapes and numbers follow every control that they depend on", async ({ page }) => {
  await open(page, "view=shapes&lambda=0.4&optimiser.steps=300&sweep.points=21");
  await settled(page);
  for (const name of ["Losses", "Optimiser", "Prompts and actions"]) await unfoldControls(page, name);
  const [ARROWS, LABELS] = [["s-arrows"], ["s-labels"]];
  const data = (s) => s.preferences;
  const last = (s) => s.losses.at(-1);
  const alone = (loss) => row(`${loss} alone`, () => legend(page, loss), same, ARROWS);
  await useEach(
    page,
    [
      typed("λ", "0.3", (s) => s.losses[1].lambda, ["s-psi", "s-arrows", "s-gauss", "s-labels"]),
      // Its λ is TYPO's alone.
      pressed("authors’ KL ÷ A", (s) => s.kl, "authors", LABELS),
      pressed("true KL", (s) => s.kl, "true", LABELS),
      alone("dpo"),
      typed("α", "0.003", (s) => s.weight_decay.alpha, ARROWS),
      pressed("on π", (s) => s.weight_decay.on, "policy", ARROWS),
      pressed("on θ", (s) => s.weight_decay.on, "logits", ARROWS),
      pressed("drawn from πref", data, { source: "population", pairing: "reference" }, ARROWS),
      pressed("draws", data, { source: "sampled", draws: 300, seed: 100, pairing: "reference" }, ARROWS),
      typed("pairs drawn", "120", (s) => data(s).draws, ARROWS),
      typed("data seed", "7", (s) => data(s).seed, ARROWS),
      pressed("all pairs alike", data, { source: "sampled", draws: 120, seed: 7, pairing: "uniform" }, ARROWS),
      pressed("counts", (s) => data(s).source, "counts", ARROWS),
      alone("rlhf"),
      pressed("fitted reward", (s) => s.losses[0].reward, "fitted", ARROWS),
      pressed("true reward", (s) => s.losses[0].reward ?? "true", "true", ARROWS),
      alone("f-dpo"),
      chosen("#divergence", "forward KL", (s) => s.losses[3].divergence, "forward-kl", ARROWS),
      chosen("#divergence", "α = 0.5", (s) => s.losses[3].divergence, { alpha: 0.5 }, ARROWS),
      row("the order of f-DPO's α-divergence", () => type(page, "order α", "0.2"), becomes((s) => s.losses[3].divergence, { alpha: 0.2 }), ARROWS),
      chosen("#divergence", "reverse KL", (s) => s.losses[3].divergence, "reverse-kl", ARROWS),
      row("without IPO", () => page.getByLabel("IPO", { exact: true }).click(), becomes((s) => s.losses.map((l) => l.kind), ["rlhf", "dpo", "f-dpo", "typo"]), ["s-psi", "s-labels"]),
      pressed("Add a ψ and μ of your own", (s) => last(s).psi, "hinge", ["s-psi", "s-labels"]),
      chosen("#psi", "savage", (s) => last(s).psi, "savage", ["s-psi", "s-labels"]),
      alone("qpo"),
      chosen("#psi", "logistic", (s) => last(s).psi, "logistic", ["s-psi", "s-arrows"]),
      chosen("#mu", "f′ of Jensen–Shannon", (s) => last(s).mu, "jensen-shannon", ARROWS),
      chosen("#mu", "f′ of α = 0.5", (s) => last(s).mu, { alpha: 0.5 }, ARROWS),
      row("the order of its α-divergence", () => type(page, "order α", "0.2"), becomes((s) => last(s).mu, { alpha: 0.2 }), ARROWS),
      pressed("Remove", (s) => s.losses.map((l) => l.kind), ["rlhf", "dpo", "f-dpo", "typo"], []),
      // Of the optimiser's settings only the runs' table tells.
      pressed("gradient descent", (s) => s.optimiser.kind, "sgd", []),
      typed("learning rate", "0.01", (s) => s.optimiser.learning_rate, []),
      pressed("Adam", (s) => s.optimiser.kind, "adam", []),
      typed("steps", "250", (s) => s.optimiser.steps, []),
      typed("gradient clipped at", "0.05", (s) => s.optimiser.clip_norm, []),
      typed("pairs a step", "7", (s) => s.optimiser.batch_size, []),
      typed("seed", "3", (s) => s.optimiser.seed, []),
      typed("recorded every", "150", (s) => s.optimiser.record_every, []),
      pressed("full gradient", (s) => s.optimiser.batch_size, null, []),
      pressed("expectation", (s) => data(s).source, "population", ARROWS),
      typed("prompts", "2", (s) => s.prompts.length, []),
      row("the second prompt's star", () => slide(page, "#policy-1-star-0", 300), becomes((s) => s.prompts[1].pi_star[0], 0.3), []),
      row("the second prompt", () => page.getByRole("button", { name: "x2", exact: true }).click(), same, ARROWS),
    ],
    compareShapes,
  );
});
