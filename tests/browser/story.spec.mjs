// The guided tour: each step sets its file's experiment, asks before it tells, and shows the headless program's numbers.
import AxeBuilder from "@axe-core/playwright";
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";

import { compareExact, compareRuns, expect, lab, minimisers, nats, notice, open, settled, specAt, specOf, test } from "./helpers.mjs";

const FOLDER = resolve(import.meta.dirname, "../../www/story");

/** A step's file, read here afresh: its front matter, its options, and the position of the right one. */
function read(name) {
  const source = readFileSync(`${FOLDER}/${name}`, "utf8");
  const [, front, body] = source.split(/^---$/m);
  const step = Object.fromEntries(front.trim().split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
  const options = [...body.matchAll(/^- \[(.)\] /gm)].map((m) => m[1]);
  return { ...step, right: options.indexOf("x"), options: options.length };
}

const STEPS = readdirSync(FOLDER).filter((name) => /^\d/.test(name)).sort().map(read);

const title = (page) => page.locator("#story-title");
const options = (page) => page.locator(".option:not(.show)");
const answer = (page) => page.locator(".story .answer");
const press = (page, name) => page.locator(".story").getByRole("button", { name, exact: true }).click();
/** What is outlined because a step points at it. */
const outlined = (page) =>
  page.locator("[data-figure], .table-frame").evaluateAll((all) => [...new Set(all.filter((e) => getComputedStyle(e).outlineStyle === "solid").map((e) => e.dataset.figure ?? "verdicts"))]);
/** What answers a step's question: the figure beside the triangle, or the table; the triangle itself has no losses till then. */
const ANSWERS = { verdicts: ".verdicts", learning: '[data-figure="learning"]', curves: '[data-figure="curves"]', distances: '[data-figure="distances"]' };
const veiled = async (page, { points }) => {
  const waits = (await page.locator("[data-waits]").count()) > 0;
  if (!ANSWERS[points]) return waits;
  const blurred = await page.locator(ANSWERS[points]).evaluateAll((all) => all.map((e) => getComputedStyle(e).filter !== "none"));
  expect(new Set(blurred)).toEqual(new Set([waits]));
  return waits;
};

/** Whether the way to play the runs, and the answer with it, is in what assistive technology is given. */
async function heard(page, { points }) {
  const client = await page.context().newCDPSession(page);
  const { nodes } = await client.send("Accessibility.getFullAXTree");
  await client.detach();
  const names = new Set(nodes.filter((n) => !n.ignored).map((n) => n.name?.value));
  const answer = page.locator(points === "verdicts" ? ".table-frame:has(> .verdicts)" : `[data-figure="${points}"]`).first();
  const is = points === "triangle" ? [] : [names.has(await answer.getAttribute("aria-label"))];
  const all = new Set([names.has("Train"), ...is]);
  expect(all.size, "all of it or nothing").toBe(1);
  return [...all][0];
}

/** The figures and the table that can be seen. */
const seen = (page) =>
  page.locator("main [data-figure], main .table-frame:has(> .verdicts), main .headline, main .numbers").evaluateAll((all) => [
    ...new Set(all.filter((e) => e.getBoundingClientRect().width > 0).map((e) => e.dataset.figure ?? (e.classList.contains("table-frame") ? "verdicts" : e.className))),
  ]);

/** What the table says of the losses, against the headless program's verdicts. */
async function compareVerdicts(page, spec, view) {
  // A verdict's cell has its word and, in small, its number.
  const rows = await page.locator(".verdicts tbody tr").evaluateAll((all) => all.map((r) => [...r.cells].map((c) => (c.querySelector("span") ?? c).textContent)));
  const verdicts = lab("verdict", spec).verdicts;
  expect(rows.length).toBe(verdicts.length);
  const yes = (holds) => (holds ? "yes" : "no");
  verdicts.forEach((v, k) => {
    if (view === "interpolation") expect(rows[k].slice(1, 3)).toEqual([yes(v.strong_interpolation.holds), yes(v.weak_interpolation.holds)]);
    if (view === "preservation") expect(rows[k][1].startsWith("no")).toBe(!v.preservation.holds);
  });
  if (view !== "constraints") return;
  const shown = await page.locator(".verdicts [data-value]").evaluateAll((all) => all.map((c) => Number(c.dataset.value)));
  verdicts.forEach((v, k) => {
    expect(rows[k][1]).toBe(yes(v.constraint_gap.holds));
    expect(Math.abs(shown[k] - v.constraint_gap.value)).toBeLessThan(1e-9);
  });
}

/** What axe finds, with the first places of each. */
const violations = async (page) => (await new AxeBuilder({ page }).exclude("tbody tr:nth-child(n + 4)").analyze()).violations.map((v) => ({ id: v.id, where: v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`) }));

test("all twelve steps: the file's experiment, the program's verdicts and runs, the answer kept until the prediction, nothing for axe", async ({ page, baseURL }) => {
  test.setTimeout(600_000);
  expect(STEPS).toHaveLength(12);
  await open(page);
  await page.locator("#tour").click();
  const faults = [];
  for (const [k, step] of STEPS.entries()) {
    await expect(page.locator(".story .place").first()).toHaveText(`Tour, step ${k + 1} of 12`);
    await settled(page);
    const spec = specAt(`${baseURL}#view=${step.view}&${step.link}`);
    expect(await specOf(page), step.title).toEqual(spec);
    await expect(page.locator(".bar nav [aria-current]")).toHaveText(new RegExp(step.view, "i"));
    expect(await outlined(page), `${step.title} points at a figure`).toEqual([step.points]);

    await expect(answer(page)).toBeEmpty();
    expect(await veiled(page, step)).toBe(true);
    expect(await heard(page, step), "the answer is not heard either").toBe(false);
    expect((await seen(page)).sort(), "one figure beside the triangle").toEqual([...new Set(["triangle", step.points])].sort());
    await expect(options(page)).toHaveCount(step.options);
    // Every other step is answered wrongly.
    const choice = k % 2 ? step.right : (step.right + 1) % step.options;
    await options(page).nth(choice).click();
    await expect(answer(page).locator(".outcome")).toHaveText(k % 2 ? "Right." : /^Not so\. The answer: /);
    await expect(options(page).nth(step.right)).toHaveClass(/right/);
    await expect(answer(page).locator("p").nth(1)).toBeVisible();
    expect(await veiled(page, step)).toBe(false);
    expect(await heard(page, step)).toBe(true);
    await expect(page.locator(".onwards .primary"), "the way on is in sight").toBeInViewport({ ratio: 1 });
    for (const link of await page.locator(".story .cites a").all()) await expect(link).toHaveAttribute("href", /^https:\/\/arxiv\.org\/html\/2407\.09072#(S\d(\.SS\d)?|A\d(\.SS\d)?|:~:text=\S+)$/);
    await expect(page.locator(".story .cites")).toContainText(step.cites.split(";")[0]);

    compareExact(spec, await minimisers(page), step.view === "constraints" ? lab("minimise", spec).minimisers.map(() => []) : await nats(page));
    await compareVerdicts(page, spec, step.view);
    await compareRuns(page, `tour, step ${k + 1}`);
    // Not every step has terms of its own.
    await page.locator(".terms").evaluateAll((all) => all.forEach((terms) => (terms.open = true)));
    faults.push(...(await violations(page)).map((v) => ({ step: k + 1, ...v })));
    await press(page, k < 11 ? "Next" : "Finish");
  }
  await expect(page.locator(".story")).toHaveCount(0);
  expect(faults).toEqual([]);
});

test("the tour by keyboard alone: in, a prediction, on, back, out, and the focus goes along", async ({ page }) => {
  await open(page);
  await page.locator("#invitation").focus();
  await page.keyboard.press("Enter");
  await expect(title(page)).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(options(page).first()).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await expect(options(page).nth(1)).toBeFocused();
  await expect(options(page).nth(1)).toHaveAttribute("aria-pressed", "true");
  await expect(answer(page).locator(".outcome")).toHaveText("Right.");
  await expect(answer(page)).toHaveAttribute("aria-live", "polite");
  // The first prediction stays.
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(options(page).first()).toHaveAttribute("aria-pressed", "false");
  const tabTo = async (name) => {
    for (let k = 0; k < 30; k++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((name) => document.activeElement.textContent === name, name)) return;
    }
    throw new Error(`${name} is not reached`);
  };
  await tabTo("Next");
  await page.keyboard.press("Enter");
  await expect(title(page)).toBeFocused();
  await expect(title(page)).toContainText("Bradley–Terry");
  await tabTo("Show me");
  await page.keyboard.press("Enter");
  await expect(answer(page).locator(".outcome")).toHaveText(/^The answer: 67 times in 100\.$/);
  await tabTo("Previous");
  await page.keyboard.press("Enter");
  await expect(title(page)).toHaveText("Three policies");
  // What was answered stays answered.
  await expect(answer(page).locator(".outcome")).toHaveText("Right.");
  await page.keyboard.press("Shift+Tab");
  for (let k = 0; k < 11; k++) await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await expect(page.getByRole("button", { name: "Close the tour" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator(".story")).toHaveCount(0);
  await expect(page.locator("#tour")).toBeFocused();
});

for (const width of [1440, 1920]) {
  test(`an answer comes into sight when it is asked for, ${width} px wide, and what asked for it is a plain word`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    await open(page, "story=1");
    await settled(page);
    const show = page.getByRole("button", { name: "Show me", exact: true });
    await show.click();
    const box = (part) => page.locator(`.story ${part}`).boundingBox();
    await expect(answer(page).locator(".outcome")).toBeInViewport();
    await expect.poll(async () => (await box(".answer")).y + (await box(".answer")).height - (await box(".onwards")).y).toBeLessThanOrEqual(1);
    await expect(show).toBeFocused();
    await expect(show).toHaveCSS("border-left-color", "rgba(0, 0, 0, 0)");
  });
}

test("a reader plays, comes back to the step's setting, undoes the step, and a reload restores all", async ({ page }) => {
  await open(page, "lambda=0.25&optimiser.steps=600&losses.3.steps=600");
  await settled(page);
  const mine = await specOf(page);
  await page.locator("#tour").click();
  await press(page, "Step 6: TYPO interpolates to π*");
  await settled(page);
  const set = await specOf(page);
  const back = page.locator(".story .back");
  await expect(back).toHaveAttribute("aria-disabled", "true");

  await page.getByLabel("λ, typed", { exact: true }).fill("3");
  await page.keyboard.press("Enter");
  await settled(page);
  const played = await specOf(page);
  expect(played).not.toEqual(set);
  expect(await veiled(page, STEPS[5]), "who plays has begun to look").toBe(false);
  await expect(answer(page)).toBeEmpty();

  expect(page.url()).toContain("story=6");
  await page.reload();
  await settled(page);
  await expect(title(page)).toHaveText("TYPO interpolates to π*");
  expect(await specOf(page)).toEqual(played);
  // Opening a link takes the focus nowhere.
  await expect(title(page)).not.toBeFocused();

  await back.click();
  await settled(page);
  expect(await specOf(page)).toEqual(set);
  expect(await veiled(page, STEPS[5])).toBe(true);

  await page.getByRole("button", { name: "Undo", exact: true }).click();
  await settled(page);
  expect(await specOf(page)).toEqual(played);
  await page.goto("./#lambda=0.25&optimiser.steps=600&losses.3.steps=600");
  await settled(page);
  await expect(page.locator(".story"), "an address without a step closes the tour").toHaveCount(0);
  await page.locator("#tour").click();
  await settled(page);
  expect(await specOf(page)).not.toEqual(mine);
  await page.getByRole("button", { name: "Undo", exact: true }).click();
  await settled(page);
  expect(await specOf(page)).toEqual(mine);
});

test("story=8 alone opens the eighth step, and a step that there is not gives a message", async ({ page, baseURL }) => {
  await open(page, "story=8");
  await settled(page);
  await expect(title(page)).toHaveText("Why no QPO loss can do both");
  expect(await specOf(page)).toEqual(specAt(`${baseURL}#view=preservation&${STEPS[7].link}`));
  await page.goto("about:blank");
  await open(page, "story=13");
  await expect(notice(page)).toHaveText("This link could not be read. story: got “13”, expected a step from 1 to 12. The default is shown.");
  await expect(page.locator(".story")).toHaveCount(0);
});

test("nothing moves for people who do not take the tour, and on a phone the figures stand between the question and the answer", async ({ page, elsewhere }) => {
  await open(page);
  await settled(page);
  const place = () => page.locator(".figures").boundingBox();
  const before = await place();
  await page.locator("#tour").click();
  const [column, main] = [await page.locator(".story").boundingBox(), await page.locator("main").boundingBox()];
  expect(column.x + column.width).toBeLessThan(main.x);
  await press(page, "Close the tour");
  await expect(page.locator("#invitation")).toBeVisible();
  expect((await place()).y).toBe(before.y);

  const desk = await elsewhere({ viewport: { width: 1100, height: 900 } });
  await open(desk, "story=1");
  const above = await desk.locator(".story").boundingBox();
  for (const part of ["main", "aside"]) expect((await desk.locator(part).boundingBox()).y).toBeGreaterThan(above.y + above.height);

  const phone = await elsewhere({ viewport: { width: 390, height: 844 } });
  await open(phone, "story=1");
  await settled(phone);
  await options(phone).first().click();
  const parts = [".question", ".figures", ".answer", ".onwards", "#c-setting"];
  const boxes = await Promise.all(parts.map((part) => phone.locator(part).boundingBox()));
  for (const [k, box] of boxes.slice(1).entries()) expect(box.y, parts[k + 1]).toBeGreaterThanOrEqual(boxes[k].y + boxes[k].height);
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [390, 1440]) {
    test.describe(() => {
      test.use({ colorScheme, viewport: { width, height: 1000 } });

      test(`axe finds nothing in a step before and after its prediction, ${colorScheme}, ${width} px wide`, async ({ page }) => {
        await open(page, "story=8");
        await settled(page);
        expect(await violations(page)).toEqual([]);
        await options(page).first().click();
        await page.locator(".terms summary").click();
        expect(await violations(page)).toEqual([]);
        await page.emulateMedia({ contrast: "more" });
        expect(await violations(page)).toEqual([]);
      });
    });
  }
}
