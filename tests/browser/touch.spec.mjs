// The page by finger alone, on a phone of 360 px.
import { compare, dragBy, expect, gap, open, pause, settled, specOf, test, VIEWS } from "./helpers.mjs";
import { pictures } from "./rows.mjs";

test.use({ hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } });

const FINGER = { touch: true };
/** From the middle of handles that coincide: the star is on top, the ring's target is what reaches beyond it. */
const PLACES = { star: [0, 0], ref: [-18, 13] };
const policies = async (page) => (({ pi_ref: ref, pi_star: star }) => ({ ref, star }))((await specOf(page)).prompts[0]);
const scrolled = (page) => page.evaluate(() => scrollY);

for (const [handle, by] of Object.entries({ star: [-30, 40], ref: [25, -35] })) {
  const other = handle === "star" ? "ref" : "star";

  test(`a finger drags the ${handle} alone, and the page stays where it is`, async ({ page }) => {
    await open(page, "lambda=0.1");
    await settled(page);
    const before = await policies(page);
    const end = await dragBy(page, `.handle.${handle}`, ...by, FINGER);
    await settled(page);
    const after = await policies(page);
    expect(gap(after[handle], before[handle])).toBeGreaterThan(0.05);
    expect(after[other]).toEqual(before[other]);
    const box = await page.locator(`.handle.${handle}`).boundingBox();
    expect(Math.abs(box.x - end.x) + Math.abs(box.y - end.y)).toBeLessThan(1);
    expect(await scrolled(page)).toBe(0);
    await compare(page, `${handle} by finger`);
  });

  test(`a finger takes the ${handle} where both handles coincide, and a good prompt stays good`, async ({ page }) => {
    const target = `.prompt >> nth=0 >> .handle.${handle}`;
    await open(page, VIEWS.preservation);
    await settled(page);
    const before = await policies(page);
    expect(before.ref).toEqual(before.star);
    await dragBy(page, target, ...by, { ...FINGER, off: PLACES[handle] });
    await settled(page);
    await expect(page.locator(target)).toBeFocused();
    const after = await policies(page);
    expect(gap(after.star, before.star)).toBeGreaterThan(0.05);
    expect(after.ref).toEqual(after.star);

    // Of a single prompt each goes its own way.
    await page.goto("about:blank");
    await open(page, "lambda=0.1&prompts.0.pi_ref=0.4,0.4,0.2&prompts.0.pi_star=0.4,0.4,0.2");
    await settled(page);
    await dragBy(page, `.handle.${handle}`, ...by, { ...FINGER, off: PLACES[handle] });
    await settled(page);
    const apart = await policies(page);
    expect(gap(apart[handle], [0.4, 0.4, 0.2])).toBeGreaterThan(0.05);
    expect(apart[other]).toEqual([0.4, 0.4, 0.2]);
  });
}

/** A slider's track as [the way of the thumb, the value at its end]. */
const TRACKS = {
  lambda: (t) => Number((1e-5 * 10 ** (8 * t)).toPrecision(3)),
  alpha: (t) => Number((0.1 * t * t).toPrecision(3)),
};

for (const [id, value] of Object.entries(TRACKS)) {
  test(`a finger drags the slider of ${id} to where it is lifted`, async ({ page }) => {
    await open(page);
    await settled(page);
    const [slider, range] = [`#${id}`, page.locator(`#${id}`)];
    if (id === "lambda") {
      // Within the thumb's reach while the figures are in sight, and it stays there.
      await expect(page.locator(".triangle canvas")).toBeInViewport({ ratio: 0.9 });
      await expect(range).toBeInViewport({ ratio: 1 });
    }
    await range.scrollIntoViewIfNeeded();
    const box = await range.boundingBox();
    await dragBy(page, slider, box.width / 4, 0, FINGER);
    await settled(page);
    expect((await range.boundingBox()).y, "it stays under the finger").toBeCloseTo(box.y, 0);
    const position = Number(await range.inputValue());
    // The thumb is some pixels wide: its way is shorter than the track.
    expect(position).toBeGreaterThan(740);
    expect(position).toBeLessThan(800);
    const spec = await specOf(page);
    expect({ lambda: spec.losses[0].lambda, alpha: spec.weight_decay.alpha }[id]).toBe(value(position / 1000));
    await compare(page, `${id} by finger`);
  });
}

test("a finger that holds a thumb still for a while makes one step of undo", async ({ page }) => {
  await open(page);
  await settled(page);
  const { width } = await page.locator("#lambda").boundingBox();
  const field = page.getByLabel("λ, typed", { exact: true });
  const held = async () => {
    await pause(page);
    await expect(field).not.toHaveValue("1e-5");
  };
  await dragBy(page, "#lambda", width / 4, 0, { ...FINGER, halfway: held });
  const undo = page.getByRole("button", { name: "Undo" });
  await undo.tap();
  await expect(field).toHaveValue("1e-5");
  await expect(undo).toBeDisabled();
});

test("a tap on a loss's name shows it alone in every figure, and another brings the others back", async ({ page }) => {
  await open(page);
  await settled(page);
  const [entry, away] = [page.locator(".legend .entry.typo"), page.locator(".legend .entry.away")];
  const all = await pictures(page);
  await entry.tap();
  await expect(entry).toHaveAttribute("aria-pressed", "true");
  await expect(away).toHaveCount(4);
  await settled(page);
  const alone = await pictures(page);
  expect(Object.keys(all).filter((key) => alone[key] === all[key])).toEqual([]);
  await entry.tap();
  await expect(away).toHaveCount(0);
});

test("the tour is opened, answered and gone on with by taps", async ({ page }) => {
  await open(page);
  await page.locator("#invitation").tap();
  await expect(page.locator("#story-title")).toHaveText("Three policies");
  await page.locator(".story .option").nth(1).tap();
  await expect(page.locator(".story .outcome")).toHaveText("Right.");
  await page.getByRole("button", { name: "Next", exact: true }).tap();
  await expect(page.locator("#story-title")).toContainText("Bradley–Terry");
  await page.getByRole("button", { name: "Close the tour" }).tap();
  await expect(page.locator(".story")).toHaveCount(0);
});

test("the dialog is opened and closed by taps", async ({ page }) => {
  await open(page);
  const dialog = page.getByRole("dialog", { name: "Export and share" });
  await page.locator(".share-open").tap();
  await expect(dialog).toBeVisible();
  const { x, width } = await dialog.boundingBox();
  expect(x).toBeGreaterThanOrEqual(0);
  expect(x + width).toBeLessThanOrEqual(360);
  await dialog.getByRole("button", { name: "Close", exact: true }).tap();
  await expect(dialog).toBeHidden();
});

test("a tap on a curve reads its value, which stands for four seconds after the finger is lifted", async ({ page }) => {
  await open(page);
  await settled(page);
  const figure = page.locator(".curves canvas").first();
  await figure.scrollIntoViewIfNeeded();
  // Timed from within, where a busy machine can make it longer only.
  await figure.evaluate((canvas) => {
    window.stood = new Promise((done) => {
      let since;
      new MutationObserver(() => {
        if (canvas.parentElement.querySelector(".tip")) since ??= performance.now();
        else if (since) done(performance.now() - since);
      }).observe(canvas.parentElement, { childList: true });
    });
  });
  await figure.tap({ position: { x: 80, y: 60 } });
  const tip = page.locator(".tip:not(:empty)");
  await expect(tip).toHaveText(/^[\w-]+, step \d+: π\(y_[abc]\) = 0\.\d+$/);
  const { x, width } = await tip.boundingBox();
  expect(x).toBeGreaterThanOrEqual(0);
  expect(x + width).toBeLessThanOrEqual(360);
  expect(await page.evaluate(() => window.stood)).toBeGreaterThan(3_900);
  await expect(tip).toHaveCount(0);
});
