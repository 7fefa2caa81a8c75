// The explorer beyond its single controls: what is refused, the designer's verdicts, sizes, pointing, time, seeds, the paper's side.
import AxeBuilder from "@axe-core/playwright";

import { rows, saved, share } from "./files.mjs";
import { EXACT, SHORT, TRAINED, compare, dragBy, expect, gap, lab, minimisers, notice, open, pause, pixels, press, prints, settled, slide, specOf, test, trained, type, unfold } from "./helpers.mjs";
import { changes } from "./rows.mjs";

const variation = (p, q) => p.reduce((sum, v, k) => sum + Math.abs(v - q[k]) / 2, 0);

test("a wrong count is refused in one sentence, and the old one comes back", async ({ page }) => {
  await open(page, SHORT);
  await press(page, "counts");
  const cell = page.getByLabel("x: wins of y a over y b", { exact: true });
  const before = await cell.inputValue();
  await cell.fill("-3");
  await cell.press("Enter");
  await expect(notice(page)).toHaveText("x: wins of y a over y b: got “-3”, expected a number from 0 to 1000000.");
  await expect(cell).toHaveValue(before);
});

test("the last count above zero cannot go, and its field says what stands", async ({ page }) => {
  await open(page, `${SHORT}&preferences={"source":"counts","counts":[[[0,5,0],[0,0,0],[0,0,0]]]}`);
  const cell = page.getByLabel("x: wins of y a over y b", { exact: true });
  await expect(cell).toHaveValue("5");
  await cell.fill("0");
  await cell.press("Enter");
  await expect(notice(page)).toHaveText("preferences.counts[0]: holds no comparison, at least one count must be above 0.");
  await expect(cell).toHaveValue("5");
  expect((await specOf(page)).preferences.counts[0][0]).toEqual([0, 5, 0]);
});

test("counts are kept when actions come and go, edited up to sixteen, and say where they are edited beyond", async ({ page }) => {
  await open(page, `${SHORT}&sweep.points=9`);
  await press(page, "counts");
  const cell = (i, j) => page.getByLabel(`x: wins of y ${i} over y ${j}`, { exact: true });
  await cell("c", "a").fill("40");
  await cell("c", "a").press("Enter");
  await unfold(page, "Prompts and actions");
  await type(page, "actions", "16");
  await expect(page.locator(".counts input")).toHaveCount(16 * 15);
  await expect(cell("c", "a")).toHaveValue("40");
  await cell("p", "b").fill("7.5");
  await cell("p", "b").press("Enter");
  await settled(page);
  const { counts } = (await specOf(page)).preferences;
  expect([counts[0][2][0], counts[0][15][1]]).toEqual([40, 7.5]);
  await compare(page, "counts of sixteen actions");

  await type(page, "actions", "17");
  await expect(page.locator(".counts")).toHaveCount(0);
  await expect(page.locator(".controls")).toContainText("So many counts are edited in the experiment’s file.");
  await type(page, "actions", "3");
  await expect(cell("c", "a")).toHaveValue("40");
  await settled(page);
  expect((await specOf(page)).preferences.counts[0].map((row) => row.length)).toEqual([3, 3, 3]);
});

test("the designer trains any ψ with any μ, and the verdicts are the headless program's", async ({ page }) => {
  await open(page, `${SHORT}&sweep.points=9`);
  await settled(page);
  await unfold(page, "Losses");
  await changes(page, "hinge with the logarithm", () => press(page, "Add a ψ and μ of your own"));
  for (const psi of await page.locator("#psi option").allTextContents()) {
    await page.locator("#psi").selectOption({ label: psi });
    await settled(page);
    const spec = await specOf(page);
    expect(spec.losses.at(-1)).toMatchObject({ kind: "qpo", psi });
    // Runs against a kink step over it for ever, so only the exact part is compared for every ψ.
    const [shown, verdicts] = [await minimisers(page), lab("verdict", spec).verdicts];
    expect(gap(shown, lab("minimise", spec).minimisers.map((m) => m.prompts[0].pi))).toBeLessThan(EXACT);
    const cells = page.locator(".verdicts tbody tr").last().locator("td");
    for (const [k, name] of ["strong_interpolation", "weak_interpolation"].entries()) {
      const { holds, value, why } = verdicts.at(-1)[name];
      await expect(cells.nth(k).locator("span")).toHaveText(holds ? "yes" : "no");
      await expect(cells.nth(k).locator(".why")).toHaveText(`${why}.`);
      const behind = await cells.nth(k).locator(".behind").textContent();
      expect(behind).toMatch(/^total variation \S+$/);
      const shown = parseFloat(behind.split(" ").at(-1));
      if (value >= 5e-4) expect(Math.abs(shown - value)).toBeLessThan(6e-4);
    }
  }
  await page.locator("#psi").selectOption({ label: "logistic" });
  await changes(page, "logistic with f′ of forward KL", () => page.locator("#mu").selectOption({ label: "f′ of forward KL" }));
  expect((await changes(page, "removed", () => press(page, "Remove"))).losses).toHaveLength(5);
});

test("the reason behind a verdict opens by key and by touch, one at a time, and moves no other row sideways", async ({ page, elsewhere }) => {
  await open(page);
  await settled(page);
  const verdicts = page.locator(".verdicts summary");
  const widths = () => page.locator(".verdicts thead th").evaluateAll((all) => all.map((e) => e.getBoundingClientRect().width));
  const before = await widths();
  await expect(page.locator(".why:visible")).toHaveCount(0);
  await verdicts.first().focus();
  await page.keyboard.press("Enter");
  await expect(page.locator(".why:visible")).toHaveText(/^as λ → 0 the minimiser stays \S+ in total variation from π\*; as λ → ∞ it reaches π_ref\.$/);
  await verdicts.nth(1).press("Enter");
  await expect(page.locator(".why:visible")).toHaveCount(1);
  await expect(page.locator(".why:visible")).toContainText("of its mass outside the mode");
  expect(await widths()).toEqual(before);

  const phone = await elsewhere({ hasTouch: true, viewport: { width: 360, height: 740 } });
  await open(phone, "view=preservation&preset=figure-3-preservation");
  await settled(phone);
  await phone.locator(".verdicts summary").last().tap();
  await expect(phone.locator(".why:visible")).toContainText("it improves the bad and keeps the good at every λ");
  const reason = await phone.locator(".why:visible").boundingBox();
  expect(reason.x + reason.width).toBeLessThanOrEqual(360);
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
});

test("a value that asks for too much is refused, and the old one comes back", async ({ page }) => {
  await open(page, SHORT);
  await unfold(page, "Optimiser");
  await type(page, "steps", "1900000");
  await expect(notice(page)).toContainText("more than the page computes at once");
  await expect(page.getByLabel("steps, typed", { exact: true })).toHaveValue("600");
});

test("five actions are bars and a heat map, and three again a triangle", async ({ page }) => {
  await open(page, SHORT);
  await unfold(page, "Prompts and actions");
  expect((await changes(page, "five actions", () => type(page, "actions", "5"))).prompts[0].pi_ref).toHaveLength(5);
  await expect(page.locator(".handle")).toHaveCount(0);
  await expect(page.getByLabel(/bars are the preferred policy/)).toBeVisible();
  await changes(page, "64 actions and few points", async () => {
    await page.evaluate(() => (location.hash += "&sweep.points=3"));
    await type(page, "actions", "16");
  });
  await type(page, "actions", "3");
  await expect(page.locator(".handle")).toHaveCount(2);
});

test("eight prompts, each with its figures", async ({ page }) => {
  await open(page, `view=preservation&preset=figure-3-preservation&optimiser.steps=500&sweep.points=9`);
  await unfold(page, "Prompts and actions");
  expect((await changes(page, "eight prompts", () => type(page, "prompts", "8"))).prompts).toHaveLength(8);
  await expect(page.locator(".prompt")).toHaveCount(8);
});

test("undo and redo, by button and by keys, go through whole edits", async ({ page }) => {
  await open(page);
  const address = async () => (await settled(page), new URL(page.url()).hash);
  const states = [await address()];
  await type(page, "λ", "0.5");
  states.push(await address());
  await slide(page, "#alpha", 30);
  states.push(await address());
  await page.locator("#preset").selectOption("figure-5");
  states.push(await address());
  expect(new Set(states).size).toBe(4);
  for (const expected of states.slice(0, -1).reverse()) {
    await press(page, "Undo");
    expect(await address()).toBe(expected);
  }
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();
  await page.locator("#lambda").focus();
  for (const expected of states.slice(1)) {
    await page.keyboard.press("Control+Shift+Z");
    expect(await address()).toBe(expected);
  }
  await page.keyboard.press("Control+z");
  expect(await address()).toBe(states[2]);
  await compare(page, "after undo");
});

test("the constraints view: both policies and the distance between them", async ({ page }) => {
  await open(page, "view=constraints");
  await settled(page);
  for (const position of [0, 200, 400]) {
    await slide(page, "#alpha", position);
    await settled(page);
    await compare(page, `α at ${position}`);
    const [rlhf, dpo] = lab("minimise", await specOf(page)).minimisers.map((m) => m.prompts[0].pi);
    const shown = await page.locator(".verdicts [data-value]").evaluateAll((cells) => cells.map((c) => Number(c.dataset.value)));
    expect(shown[0]).toBeLessThan(EXACT);
    expect(Math.abs(shown[1] - variation(rlhf, dpo))).toBeLessThan(EXACT);
    if (position === 0) expect(shown[1]).toBeLessThan(1e-6);
    else expect(shown[1]).toBeGreaterThan(1e-3);
    await expect(page.locator(".verdicts tbody tr").nth(1).locator("td summary span").first()).toHaveText(position === 0 ? "yes" : "no");
  }
});

test("the distance between RLHF and DPO over α is that of the headless program's policies", async ({ page }) => {
  await open(page, "view=constraints");
  await settled(page);
  await page.getByText("The α-curves in numbers").click();
  const rows = page.locator("details.numbers:not([id]) tbody + tbody tr");
  const { sweep, series: [rlhf, dpo] } = lab("sweep", await specOf(page));
  await expect(rows).toHaveCount(sweep.values.length);
  const shown = await rows.evaluateAll((all) => all.map((r) => r.cells[2].textContent.match(/\), (.+) nats$/)[1]));
  expect([rlhf.loss, dpo.loss]).toEqual(["rlhf", "dpo"]);
  const wrong = shown.filter((text, k) => {
    const [p, q] = [rlhf, dpo].map((s) => s.prompts[0].pi[k]);
    return !prints(text, p.reduce((sum, v, a) => sum + v * Math.log(v / q[a]), 0), 1e-8);
  });
  expect(wrong).toEqual([]);
});

test("the table of curves holds the headless program's sweep", async ({ page }) => {
  await open(page, "lambda=0.1&sweep.points=5");
  await settled(page);
  await page.getByText("The λ-curves in numbers").click();
  const rows = page.locator("details[open] tbody + tbody tr");
  await expect(rows).toHaveCount(5);
  const shown = await rows.evaluateAll((all) => all.map((r) => [...r.querySelectorAll("td")].map((c) => c.textContent)));
  const swept = lab("sweep", await specOf(page));
  swept.series.forEach(({ prompts: [x] }, k) =>
    x.pi.forEach((pi, at) => expect(shown[at][k]).toBe(`(${pi.map((p) => p.toFixed(2)).join(", ")})`)),
  );
});

test("pointing at a curve names it, shows its value, and brings its loss forward everywhere", async ({ page }) => {
  await open(page);
  await settled(page);
  const before = await pixels(page);
  const box = await page.locator(".curves canvas").first().boundingBox();
  await page.mouse.move(box.x + 80, box.y + 60);
  await expect(page.locator(".tip:not(:empty)")).toHaveText(/^RLHF, step \d+: π\(y_[abc]\) = 0\.\d+$/);
  await expect.poll(async () => (await pixels(page)).filter((p, k) => p !== before[k]).length).toBe(before.length);
  await page.mouse.move(2, 2);
  await expect(page.locator(".tip:not(:empty)")).toHaveCount(0);
});

test("pointing at a row of the heat map brings its loss forward in the curves too", async ({ page }) => {
  await open(page, `${SHORT}&prompts.0.pi_ref=0.25,0.25,0.25,0.25&prompts.0.pi_star=0.4,0.3,0.2,0.1`);
  await settled(page);
  const before = await pixels(page);
  const { x, y, width, height } = await page.locator(".space canvas").boundingBox();
  const tip = page.locator(".tip:not(:empty)");
  // From the bottom up, where the losses' rows are.
  for (let up = 2; up < 60; up += 4) {
    await page.mouse.move(x + width / 2, y + height - up);
    if ((await tip.count()) && /^TYPO: π\(y_[a-d]\) = /.test(await tip.textContent())) break;
  }
  await expect(tip).toHaveText(/^TYPO: /);
  const learning = 1;
  await expect.poll(async () => (await pixels(page))[learning]).not.toBe(before[learning]);
  await page.mouse.move(2, 2);
  await expect.poll(() => pixels(page)).toEqual(before);
});

test("the keyboard reads a figure's values, and brings the loss it is at forward everywhere", async ({ page }) => {
  await open(page);
  await settled(page);
  const before = await pixels(page);
  const rows = await trained(page);
  const [figure, tip] = [page.locator(".curves canvas").first(), page.locator(".tip:not(:empty)")];
  // From what comes before it, as a reader gets there.
  await page.locator(".legend .entry").last().focus();
  await page.keyboard.press("Tab");
  await expect(figure).toBeFocused();
  await expect(tip).toHaveText(/^[\w-]+, step \d+: π\(y_[abc]\) = \d\.\d+$/);
  await expect.poll(async () => (await pixels(page)).filter((p, k) => p !== before[k]).length).toBe(before.length);
  const read = async () => /^([\w-]+), step (\d+): π\(y_(.)\) = (.+)$/.exec(await tip.textContent()).slice(1);
  // To the right along the curve until its panel ends, where its value is the run's last.
  let [loss, step, action, value] = await read();
  for (let k = 0; k < 60; k++) {
    await page.keyboard.press("ArrowRight");
    const next = await read();
    if (next[0] !== loss) break;
    expect(Number(next[1])).toBeGreaterThan(Number(step));
    [, step, action, value] = next;
  }
  const ours = rows.find((r) => r.loss === loss.toLowerCase());
  expect(Number(step)).toBeGreaterThan(0.9 * ours.step);
  expect(Math.abs(Number(value) - ours.pi[action.charCodeAt(0) - 97])).toBeLessThan(0.02);
  await page.keyboard.press("Tab");
  await expect(tip).toHaveCount(0);
});

test("an address that is gone to just before the page writes its own is the one that opens", async ({ page }) => {
  await open(page, "lambda=0.5");
  await page.evaluate(() => {
    location.hash = "lambda=2";
    history.replaceState(null, "", "#lambda=0.5");
  });
  await expect(page.locator(".slider:has(#lambda) .field")).toHaveValue("2");
  await expect.poll(() => new URL(page.url()).hash).toBe("#lambda=2.0");
});

test("under a hand that holds still all figures are those that are drawn anew", async ({ page, context }) => {
  await open(page, SHORT);
  await settled(page);
  const before = await pixels(page);
  await dragBy(page, ".handle.star", -30, 20, { release: false });
  await settled(page);
  const held = await pixels(page);
  expect(held.filter((p, k) => p !== before[k])).toHaveLength(before.length);
  await page.mouse.up();
  await pause(page);
  expect(await pixels(page)).toEqual(held);
  const other = await context.newPage();
  await open(other, new URL(page.url()).hash.slice(1));
  await settled(other);
  expect(await pixels(other)).toEqual(held);
});

test("learning curves wait for their runs under a hand, and no longer than it holds", async ({ page }) => {
  await page.addInitScript(() => {
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (...args) {
      if (!window.silent) postMessage.apply(this, args);
    };
  });
  await open(page, SHORT);
  await settled(page);
  await page.evaluate(() => (window.silent = true));
  const learning = 1;
  const before = await pixels(page);
  await dragBy(page, ".handle.star", -30, 20, { release: false });
  await expect.poll(async () => (await pixels(page)).filter((p, k) => p !== before[k]).length).toBe(before.length - 1);
  expect((await pixels(page))[learning]).toBe(before[learning]);
  await page.mouse.up();
  await expect.poll(async () => (await pixels(page))[learning]).not.toBe(before[learning]);
});

test("figures over which only the cursor has moved are those that are drawn anew", async ({ page }) => {
  await page.addInitScript(() => {
    const { drawImage } = CanvasRenderingContext2D.prototype;
    window.copies = 0;
    CanvasRenderingContext2D.prototype.drawImage = function (...args) {
      window.copies++;
      drawImage.apply(this, args);
    };
  });
  await open(page, SHORT);
  await settled(page);
  const before = await pixels(page);
  const press = async (...keys) => {
    for (const key of keys) await page.locator("#lambda").press(key);
    await page.locator("#lambda").blur();
    await settled(page);
  };
  await press("PageUp", "PageUp", "PageUp", "ArrowRight");
  expect(await page.evaluate(() => window.copies)).toBeGreaterThan(0);
  const moved = await pixels(page);
  expect(moved.filter((p, k) => p !== before[k])).toHaveLength(before.length);
  await page.reload();
  await settled(page);
  expect(await pixels(page)).toEqual(moved);

  // A picture in other colours is of no use.
  await press("PageUp", "ArrowRight");
  await page.emulateMedia({ colorScheme: "dark" });
  await press("ArrowRight");
  const dark = await pixels(page);
  await page.reload();
  await settled(page);
  expect(await pixels(page)).toEqual(dark);
});

test("several seeds are a band with its median, and the link keeps them", async ({ page }) => {
  await open(page, `${SHORT}&at=1`);
  await settled(page);
  await unfold(page, "Optimiser");
  await changes(page, "four seeds", () => type(page, "seeds trained", "4"), ["learning"]);
  expect(new URL(page.url()).hash).toContain("runs=4");
  await expect(page.locator(".curves h2").first()).toContainText("median, range of 4 seeds");

  // The band's numbers are those of the headless program's runs with each of the seeds.
  await page.locator("#learning-numbers summary").click();
  const moments = page.locator("#learning-numbers tbody tr");
  await expect(moments).toHaveCount(21);
  const cells = await moments.evaluateAll((all) => all.map((r) => [...r.querySelectorAll("td")].map((c) => c.textContent)));
  const spec = await specOf(page);
  const runs = [0, 1, 2, 3].map((n) => lab("train", { ...spec, optimiser: { ...spec.optimiser, seed: spec.optimiser.seed + n } }).runs);
  const wrong = cells.flat().filter((text, at) => {
    const k = at % runs[0].length;
    const [, median, step, least, greatest] = text.match(/^\((.+)\)step (\d+), \((.+)\) to \((.+)\)$/);
    const moment = runs[0][k].steps.indexOf(Number(step));
    const found = [0, 1, 2].map((a) => runs.map((r) => r[k].prompts[0].pi[moment][a]).sort((p, q) => p - q));
    const agree = (list, of) => list.split(", ").every((p, a) => prints(p, of(found[a])));
    return !(agree(median, ([, b, c]) => (b + c) / 2) && agree(least, ([a]) => a) && agree(greatest, (all) => all[3]));
  });
  expect(cells.flat().length).toBe(21 * 5);
  expect(wrong).toEqual([]);
  const shown = await pixels(page);

  // The file holds them all, each with its seed.
  await share(page);
  const csv = rows((await saved(page, "Training runs, CSV")).bytes.toString());
  const printed = [0, 1, 2, 3].flatMap((n) => {
    const seed = spec.optimiser.seed + n;
    return runs[n].flatMap((run) => run.steps.map((step, k) => [run.loss, step, ...run.prompts[0].pi[k], seed]));
  });
  expect(csv[0].at(-1)).toBe("seed");
  expect(csv.length - 1).toBe(printed.length);
  const astray = csv.slice(1).filter((line, k) => {
    const [loss, step, ...numbers] = printed[k];
    return line[0] !== loss || Number(line[3]) !== step || numbers.some((x, c) => !(Math.abs(Number(line[6 + c]) - x) < TRAINED));
  });
  expect(astray).toEqual([]);

  await page.reload();
  await settled(page);
  expect(await pixels(page)).toEqual(shown);
  await page.evaluate(() => (location.hash = "runs=99"));
  await expect(notice(page)).toContainText("runs: got “99”, expected a whole number from 1 to 16.");
});

test("a new λ goes on from where the policies stand, where that is chosen", async ({ page }) => {
  await open(page, SHORT);
  await settled(page);
  const ends = await trained(page);
  await unfold(page, "Optimiser");
  await press(page, "from where it stands");
  await type(page, "λ", "10");
  await settled(page);
  await slide(page, "#time", 0);
  const begun = await trained(page);
  expect(begun.map((row) => row.step)).toEqual([0, 0, 0, 0, 0]);
  expect(gap(begun.map((r) => r.pi), ends.map((r) => r.pi))).toBeLessThan(1e-12);
  await press(page, "from πref");
  await type(page, "λ", "0.5");
  await settled(page);
  await compare(page, "from π_ref again");
});

test.describe("playing", () => {
  test.use({ contextOptions: { reducedMotion: "no-preference" } });

  test("training time passes as fast as was chosen", async ({ page }) => {
    await open(page, "at=0");
    await settled(page);
    for (const [speed, factor] of [["¼ ×", 0.25], ["½ ×", 0.5], ["1 ×", 1], ["2 ×", 2], ["4 ×", 4]]) {
      await page.locator("#speed").selectOption({ label: speed });
      await slide(page, "#time", 0);
      // Against the browser's own frames, however long each takes; the page counts none for more than 100 ms.
      const [passed, spent] = await page.evaluate(async () => {
        const button = document.querySelector(".transport .primary");
        const frames = [];
        button.click();
        for (let k = 0; k < 40; k++) frames.push(await new Promise(requestAnimationFrame));
        button.click();
        await new Promise(requestAnimationFrame);
        return [Number(document.querySelector("#time").value), frames.slice(1).map((at, k) => Math.min(at - frames[k], 100))];
      });
      // Thousandths of the six seconds that the whole takes. The page may have begun two frames later and ended one earlier.
      const share = (list) => Math.min(1000, (factor * list.reduce((sum, ms) => sum + ms, 0)) / 6);
      expect(passed, speed).toBeLessThanOrEqual(share(spent) + 1);
      expect(passed, speed).toBeGreaterThanOrEqual(share(spent.slice(2, -1)) - 1);
    }
  });
});

test("what the page shows is told once it has settled", async ({ page }) => {
  await open(page, "lambda=0.25");
  const status = page.locator("p.visually-hidden[role=status]");
  await expect(status).toHaveText(/^As λ shrinks, only TYPO arrives at π\*\. At λ = 0\.25: RLHF at \(0\.\d\d, .+ Training is complete\.$/);
  await type(page, "λ", "4");
  await expect(status).toContainText("At λ = 4:");
});

test("two losses of one's own have ids of their own, differ in their lines, and axe finds nothing", async ({ page }) => {
  await open(page, SHORT);
  await settled(page);
  await unfold(page, "Losses");
  await press(page, "Add a ψ and μ of your own");
  const one = await pixels(page);
  await press(page, "Add a ψ and μ of your own");
  await page.locator("#psi-2").selectOption({ label: "savage" });
  await page.locator("#mu-2").selectOption({ label: "f′ of α = 0.5" });
  await type(page, "order α", "0.3");
  await settled(page);
  expect(await pixels(page)).not.toEqual(one);
  const spec = await specOf(page);
  expect(spec.losses.slice(-2).map((l) => l.psi)).toEqual(["hinge", "savage"]);
  expect(JSON.stringify(spec.losses.at(-1).mu)).toContain("0.3");
  const ids = await page.locator("[id]").evaluateAll((all) => all.map((e) => e.id));
  expect(ids.filter((id, k) => ids.indexOf(id) !== k)).toEqual([]);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target)}`)).toEqual([]);
});

test("64 actions: live, their policies edited one action at a time, the numbers the headless program's", async ({ page }) => {
  test.setTimeout(120_000);
  await open(page, SHORT);
  await settled(page);
  await unfold(page, "Prompts and actions");
  await type(page, "actions", "64");
  await settled(page);
  await page.locator("#policy-0-star-pick").selectOption({ index: 63 });
  await type(page, "y 64", "0.2");
  await settled(page);
  const spec = await specOf(page);
  expect(spec.prompts[0].pi_star).toHaveLength(64);
  expect(spec.prompts[0].pi_star[63]).toBeCloseTo(0.2, 6);
  await compare(page, "64 actions");
  await type(page, "α", "0.01");
  await settled(page);
  await expect(notice(page)).toHaveText(/^Curves have \d+ points instead of 61, so that they still follow the hand\.$/);
  await compare(page, "64 actions under weight decay");
});

test("under weight decay the headline, the table and the ends of the curves are of that penalty", async ({ page }) => {
  await open(page, `${SHORT}&weight_decay.alpha=0.1`);
  await settled(page);
  await expect(page.locator("h1")).toHaveText("Under weight decay, as λ shrinks, no loss arrives at π*.");
  await expect(page.locator(".verdicts tbody td.yes")).toHaveCount(0);
});

test("in the constraints view the slider of α ends where the curves do", async ({ page }) => {
  await open(page, "view=constraints&sweep.to=0.05");
  await slide(page, "#alpha", 1000);
  await settled(page);
  expect((await specOf(page)).weight_decay.alpha).toBe(0.05);
  await expect(page.locator(".trade-off .ends")).toContainText("0.05");
});

test("a moment of training is typed, and every slider is reset by a button that leaves the focus on it", async ({ page }) => {
  await open(page, SHORT);
  await settled(page);
  await page.getByLabel("step", { exact: true }).fill("150");
  await page.keyboard.press("Enter");
  await expect(page.locator("#time")).toHaveValue("250");
  await page.getByLabel("step", { exact: true }).fill("9999");
  await page.keyboard.press("Enter");
  await expect(notice(page)).toHaveText("step: got “9999”, expected a whole number from 0 to 600.");
  await type(page, "λ", "7");
  const reset = page.getByRole("button", { name: "Reset λ to 1e-5" });
  await reset.press("Enter");
  await expect(page.getByLabel("λ, typed", { exact: true })).toHaveValue("1e-5");
  await expect(page.locator("#lambda")).toBeFocused();
  await expect(reset).toHaveCount(0);
});

test("each loss has its formula, set by the browser itself, with its place in the paper", async ({ page }) => {
  await open(page, "view=shapes");
  const places = { rlhf: "(4)", dpo: "(7)", ipo: "(10)", "f-dpo": "section 2.4", typo: "(14), (16), (17)" };
  for (const [loss, place] of Object.entries(places)) {
    await page.locator(`.legend .entry.${loss}`).click();
    await expect(page.locator(".formula")).toContainText(place);
    const math = page.locator(".formula math");
    expect(await math.evaluate((e) => e.namespaceURI)).toBe("http://www.w3.org/1998/Math/MathML");
    expect(await math.locator("mfrac, msub").first().evaluate((e) => e.getBoundingClientRect().height > 4)).toBe(true);
  }
});
