// The page's numbers are the headless program's for the same experiment, however a hand got there.
import { EXACT, compare, dragBy, expect, gap, nats, open, settled, slide, specOf, test, trained } from "./helpers.mjs";

const MOVING = { contextOptions: { reducedMotion: "no-preference" } };
const STAR = [0.6, 0.3, 0.1];
const variation = (p, q) => p.reduce((sum, v, k) => sum + Math.abs(v - q[k]) / 2, 0);

test.describe("untouched", () => {
  test.use(MOVING);

  test("the losses of Figure 2 descend by themselves, four to the corner and TYPO to π*", async ({ page }) => {
    // Stopped from within at a moment on the way: from outside, a busy machine would look too late.
    await page.addInitScript(() => {
      const look = () => {
        // A range that has no value yet stands at its middle.
        if (document.querySelector("#numbers [data-trained]") && document.querySelector("#time").value > 20) document.querySelector(".transport .primary").click();
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
    await open(page);
    const [time, button] = [page.locator("#time"), page.locator(".transport .primary")];
    await expect(button).toHaveText("Train");
    const early = await trained(page);
    await button.click();
    await expect(time).toHaveValue("1000");
    await settled(page);
    const late = await trained(page);

    expect(late.map((row) => row.loss)).toEqual(["rlhf", "dpo", "ipo", "f-dpo", "typo"]);
    for (const [k, { loss, step, pi }] of late.entries()) {
      expect(step).toBeGreaterThan(early[k].step);
      if (loss === "typo") {
        expect(variation(pi, STAR)).toBeLessThan(0.02);
        expect(variation(early[k].pi, STAR)).toBeGreaterThan(variation(pi, STAR));
      } else {
        expect(pi[0]).toBeGreaterThan(0.99);
        expect(early[k].pi[0]).toBeLessThan(pi[0]);
      }
    }
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("As λ shrinks, only TYPO arrives at π*.");
    await compare(page, "Figure 2");
  });
});

test("the preset threshold keeps the good prompt, and says at how many λ it improves the bad one", async ({ page }) => {
  await open(page, "preset=threshold");
  await settled(page);
  expect((await specOf(page)).losses.map((l) => l.psi)).toEqual(["threshold"]);
  expect((await nats(page))[0][0]).toBeLessThan(EXACT);
  await expect(page.locator(".verdicts tbody tr td").first()).toHaveText(/^at \d+ of 61 λ/);
});

test("dragging the star with the mouse gives the headless program's numbers for where it was put", async ({ page }) => {
  await open(page);
  const { x, y } = await dragBy(page, ".handle.star", -60, 90);
  await settled(page);
  const star = await page.locator(".handle.star").boundingBox();
  expect(Math.abs(star.x - x) + Math.abs(star.y - y)).toBeLessThan(1);
  expect((await specOf(page)).prompts[0].pi_star).not.toEqual(STAR);
  await compare(page, "star by mouse");
});

test("numbers follow while the star is still held", async ({ page }) => {
  await open(page);
  await settled(page);
  const before = await trained(page);
  await dragBy(page, ".handle.star", 40, 60, { release: false });
  await settled(page);
  expect(gap((await trained(page)).map((r) => r.pi), before.map((r) => r.pi))).toBeGreaterThan(0.01);
  await compare(page, "star held");
  await page.mouse.up();
});

test("moving the ring with the arrow keys gives the headless program's numbers", async ({ page }) => {
  await open(page, "lambda=0.1");
  await page.locator(".handle.ref").focus();
  for (const key of ["ArrowLeft", "ArrowLeft", "ArrowUp", "Shift+ArrowRight", "ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
  await settled(page);
  const moved = (await specOf(page)).prompts[0];
  expect(gap(moved.pi_ref, [0.4, 0.4, 0.2])).toBeGreaterThan(0.005);
  expect(gap(moved.pi_star, STAR)).toBe(0);
  await compare(page, "ring by keyboard");
});

test.describe("by touch", () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 840 } });

  test("dragging the star with a finger gives the headless program's numbers and does not scroll", async ({ page }) => {
    await open(page, "lambda=0.1");
    await dragBy(page, ".handle.star", -30, 50, { touch: true });
    await settled(page);
    expect(gap((await specOf(page)).prompts[0].pi_star, STAR)).toBeGreaterThan(0.05);
    expect(await page.evaluate(() => scrollY)).toBe(0);
    await compare(page, "star by touch");
  });
});

test("a handle that is dragged out of the triangle stays inside it", async ({ page }) => {
  await open(page, "lambda=0.1");
  await dragBy(page, ".handle.star", 300, -600);
  await settled(page);
  const { pi_star: star } = (await specOf(page)).prompts[0];
  expect(Math.min(...star)).toBeGreaterThanOrEqual(0.001);
  expect(Math.abs(star.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-12);
  await compare(page, "star at the edge");
});

test("a policy's sliders keep its sum at one and give the headless program's numbers", async ({ page }) => {
  await open(page, "lambda=0.1");
  await slide(page, "#policy-0-star-1", 500);
  await settled(page);
  const { pi_star: star } = (await specOf(page)).prompts[0];
  expect(star[1]).toBeCloseTo(0.5, 3);
  expect(Math.abs(star.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-12);
  await compare(page, "star by sliders");
});

test("TYPO keeps the good prompt at every λ, the others do not, and the distances are the headless program's", async ({ page }) => {
  await open(page, "preset=figure-3-preservation");
  for (const position of [0, 300, 500, 700, 1000]) {
    await slide(page, "#lambda", position);
    await settled(page);
    await compare(page, `preservation at ${position}`);
    const good = (await nats(page)).map(([first]) => first);
    const typo = good.pop();
    expect(typo).toBeLessThanOrEqual(EXACT);
    for (const other of good) expect(other).toBeGreaterThan(100 * EXACT);
    const cells = page.locator(".verdicts tbody tr td:nth-child(3)");
    await expect(cells).toHaveText([/worse/, /worse/, /worse/, /worse/, "kept"]);
  }
});

test("moving a good prompt's handle keeps it good", async ({ page }) => {
  await open(page, "preset=figure-3-preservation");
  const first = page.locator(".prompt").first();
  await first.locator(".handle.star").focus();
  for (let k = 0; k < 5; k++) await page.keyboard.press("ArrowDown");
  await settled(page);
  const good = (await specOf(page)).prompts[0];
  expect(good.pi_ref).toEqual(good.pi_star);
  expect(gap(good.pi_star, STAR)).toBeGreaterThan(0.02);
  await compare(page, "good prompt moved");
});

test("300 draws instead of the population give the headless program's numbers", async ({ page }) => {
  await open(page, "lambda=0.1");
  await page.getByRole("button", { name: "draws", exact: true }).click();
  await settled(page);
  expect((await specOf(page)).preferences.source).toBe("sampled");
  await compare(page, "300 draws");
});
