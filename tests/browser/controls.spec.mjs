// Sliders, typed fields, and the transport through training time.
import { compare, expect, minimisers, notice, open, pause, settled, slide, specOf, test, trained, type, unfold } from "./helpers.mjs";

const field = (page, name) => page.getByLabel(`${name}, typed`, { exact: true });

test("λ by the arrow keys gives the headless program's numbers", async ({ page }) => {
  await open(page);
  for (const position of [1000, 437]) {
    await slide(page, "#lambda", position);
    await settled(page);
    const lambda = Number((1e-5 * 10 ** ((8 * position) / 1000)).toPrecision(3));
    expect((await specOf(page)).losses.map((l) => l.lambda)).toEqual(Array(5).fill(lambda));
    await compare(page, `λ at ${position}`);
  }
});

test("α by the arrow keys, on θ and on π, gives the headless program's numbers", async ({ page }) => {
  await open(page, "lambda=0.1");
  await slide(page, "#alpha", 500);
  for (const [button, on] of [["on θ", "logits"], ["on π", "policy"]]) {
    await page.getByRole("button", { name: button }).click();
    await settled(page);
    expect((await specOf(page)).weight_decay).toEqual({ alpha: 0.025, on });
    await compare(page, `α ${button}`);
  }
});

test("an arrow key leads from one whole number to another, however few there are", async ({ page }) => {
  await open(page, "preset=figure-2-sampled");
  await settled(page);
  for (const fold of ["Prompts and actions", "Optimiser"]) await unfold(page, fold);
  for (const [id, before, ...led] of [
    ["#actions", 3, 4, 5, 4],
    ["#prompts", 1, 2, 3, 2],
    ["#draws", 300, 301, 303, 301],
    ["#batch", 20, 21, 22, 21],
    ["#steps", 11000, 11100, 11200, 11100],
    ["#seed", 0, 1, 2, 1],
    ["#runs", 1, 2, 3, 2],
  ]) {
    const range = page.locator(id);
    await expect(range, id).toHaveAttribute("aria-valuetext", `${before}`);
    await range.focus();
    for (const [k, key] of ["ArrowRight", "ArrowUp", "ArrowLeft"].entries()) {
      await page.keyboard.press(key);
      await expect(range, `${id}, ${key}`).toHaveAttribute("aria-valuetext", `${led[k]}`);
    }
  }
  await settled(page);
  const { prompts, preferences, optimiser } = await specOf(page);
  expect([prompts.length, prompts[0].pi_ref.length, preferences.draws, optimiser.batch_size, optimiser.seed]).toEqual([2, 4, 301, 21, 1]);
});

test("typed λ and α are taken, with a decimal comma too", async ({ page }) => {
  await open(page);
  await type(page, "λ", "0,25");
  await type(page, "α", "3e-3");
  await settled(page);
  const spec = await specOf(page);
  expect([spec.losses[0].lambda, spec.weight_decay.alpha]).toEqual([0.25, 0.003]);
  await expect(field(page, "λ")).toHaveValue("0.25");
  await compare(page, "typed");
});

const WRONG = ["abc", "-1", "", "1e13", "NaN", "Infinity", "0.1.2", "١٢", "<b>1</b>", "9".repeat(400)];

test("a wrong value for λ gives one sentence and loses nothing", async ({ page }) => {
  await open(page, "lambda=0.25&prompts.0.pi_star=0.2,0.5,0.3");
  await settled(page);
  const [before, address] = [await minimisers(page), page.url()];
  for (const wrong of WRONG) {
    await test.step(`“${wrong.slice(0, 12)}”`, async () => {
      await type(page, "λ", wrong);
      await expect(notice(page)).toHaveText(/^λ: got “.{0,20}”, expected a number from \S+ to \S+\.$/);
      await expect(field(page, "λ")).toHaveValue("0.25");
      await page.getByRole("button", { name: "Dismiss" }).click();
      await expect(notice(page)).toHaveCount(0);
    });
  }
  await settled(page);
  expect(await minimisers(page)).toEqual(before);
  expect(page.url()).toBe(address);
});

test("a right value after a wrong one takes the message away", async ({ page }) => {
  await open(page);
  await type(page, "λ", "abc");
  await expect(notice(page)).toBeVisible();
  await type(page, "λ", "0.5");
  await expect(notice(page)).toHaveCount(0);
});

test("a double click brings any slider back to the preset's", async ({ page }) => {
  await open(page);
  await page.evaluate(() => document.querySelectorAll("details:not([open]) > summary").forEach((summary) => summary.click()));
  // By their names: more actions and prompts bring sliders of their own while they last.
  const names = await page.locator(".slider:visible input[type=range]").evaluateAll((all) => all.map((range) => range.id));
  expect(names).toEqual(expect.arrayContaining(["lambda", "alpha", "actions", "prompts", "policy-0-star-0", "policy-0-ref-2"]));
  const field = (name) => page.locator(".slider").filter({ has: page.locator(`[id="${name}"]`) }).locator(".field");
  // A policy's other shares follow to four places, and have moved by the last one before their own turn comes.
  const initial = await Promise.all(names.map((name) => field(name).inputValue()));
  for (const [k, name] of names.entries()) {
    const [range, typed] = [page.locator(`[id="${name}"]`), field(name)];
    await range.focus();
    const key = Number(await range.inputValue()) > 500 ? "PageDown" : "PageUp";
    // Far enough for a slider of whole numbers too.
    for (let times = 0; times < 4; times++) await page.keyboard.press(key);
    await expect(typed, name).not.toHaveValue(initial[k]);
    await range.dblclick();
    await expect(typed, name).toHaveValue(initial[k]);
  }
});

test("a grouped count is not taken for a decimal number", async ({ page }) => {
  await open(page);
  await page.evaluate(() => document.querySelectorAll("details:not([open]) > summary").forEach((summary) => summary.click()));
  await type(page, "steps", "11,000");
  await expect(notice(page)).toHaveText(/^steps: got “11,000”, expected a whole number from 1 to /);
  await type(page, "steps", "12000");
  await expect(notice(page)).toHaveCount(0);
});

test("each view keeps its own experiment", async ({ page }) => {
  await open(page, "lambda=0.3");
  await page.getByRole("button", { name: "Preservation" }).click();
  await type(page, "λ", "2");
  await page.getByRole("button", { name: "Interpolation" }).click();
  await expect(field(page, "λ")).toHaveValue("0.3");
  await page.getByRole("button", { name: "Preservation" }).click();
  await expect(field(page, "λ")).toHaveValue("2");
  await settled(page);
  await compare(page, "views in turn");
});

test("where the solver's answers come late, a hand's moves wait for them, the last one counts, and they are one step of undo", async ({ page }) => {
  await page.addInitScript(() => {
    const Native = Worker;
    window.Worker = class extends Native {
      set onmessage(hear) {
        super.onmessage = (message) => setTimeout(() => hear.call(this, message), 400);
      }
    };
  });
  await open(page);
  await settled(page);
  await field(page, "λ").scrollIntoViewIfNeeded();
  const { x, y, width, height } = await page.locator("#lambda").boundingBox();
  const to = (share) => page.mouse.move(x + width * share, y + height / 2);
  await to(0.1);
  await page.mouse.down();
  for (let k = 1; k <= 60; k++) await to(0.1 + 0.01 * k);
  await page.mouse.up();
  const position = Number(await page.locator("#lambda").inputValue());
  expect(position).toBeGreaterThan(650);
  await settled(page);
  await expect(page.locator("#lambda")).toHaveValue(String(position));
  await compare(page, "late answers");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(field(page, "λ")).toHaveValue("1e-5");
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();
});

test("a thumb that is held still for a while is one step of undo with what it does before and after", async ({ page }) => {
  await open(page);
  await settled(page);
  await field(page, "λ").scrollIntoViewIfNeeded();
  const { x, y, width, height } = await page.locator("#lambda").boundingBox();
  const to = (share) => page.mouse.move(x + width * share, y + height / 2, { steps: 5 });
  await to(0.3);
  await page.mouse.down();
  await expect(field(page, "λ")).not.toHaveValue("1e-5");
  const held = await field(page, "λ").inputValue();
  await pause(page);
  await to(0.6);
  await expect(field(page, "λ")).not.toHaveValue(held);
  await page.mouse.up();
  const undo = page.getByRole("button", { name: "Undo" });
  await undo.click();
  await expect(field(page, "λ")).toHaveValue("1e-5");
  await expect(undo).toBeDisabled();
  // Once it has let go and rested, the next move is another step.
  await page.locator("#lambda").press("PageUp");
  await expect(field(page, "λ")).not.toHaveValue("1e-5");
  const pressed = await field(page, "λ").inputValue();
  await pause(page);
  await page.locator("#lambda").press("PageUp");
  await expect(field(page, "λ")).not.toHaveValue(pressed);
  await undo.click();
  await expect(field(page, "λ")).toHaveValue(pressed);
});

test("of three prompts the controls show one at a time, whose sliders give the headless program's numbers", async ({ page }) => {
  await open(page);
  await page.locator("#c-size").click();
  await type(page, "prompts", "3");
  await expect(page.locator("h2[id$=-ref], h2[id$=-star]")).toHaveCount(2);
  const choice = page.locator(".controls").getByRole("group", { name: "which prompt’s policies are set" });
  await choice.getByRole("button").nth(2).click();
  await expect(page.locator("#policy-2-star-0")).toBeVisible();
  await expect(page.locator("#policy-0-star-0")).toHaveCount(0);
  await slide(page, "#policy-2-star-0", 800);
  await settled(page);
  const { prompts } = await specOf(page);
  expect(prompts).toHaveLength(3);
  expect(prompts[2].pi_star[0]).toBeGreaterThan(prompts[1].pi_star[0]);
  await compare(page, "one of three prompts");
});

test("a click on a loss shows it alone, another brings the others back", async ({ page }) => {
  await open(page);
  const entry = page.locator(".legend .entry.typo");
  await entry.click();
  await expect(entry).toHaveAttribute("aria-pressed", "true");
  await expect(page.locator(".legend .entry.away")).toHaveCount(4);
  await entry.click();
  await expect(page.locator(".legend .entry.away")).toHaveCount(0);
});

test.describe("playing", () => {
  test.use({ contextOptions: { reducedMotion: "no-preference" } });

  test("pause stops the cursor within two frames, and train goes on from there", async ({ page }) => {
    await open(page, "at=0");
    // Nothing plays before there is something to show.
    await settled(page);
    await expect(page.locator(".transport .primary")).toHaveText("Train");
    // In one go: between two looks from outside, a busy machine could play to the end.
    const [begun, ...positions] = await page.evaluate(async () => {
      const frames = async (n) => {
        for (let k = 0; k < n; k++) await new Promise(requestAnimationFrame);
        return Number(document.querySelector("#time").value);
      };
      const press = () => document.querySelector(".transport .primary").click();
      press();
      const begun = await frames(10);
      press();
      const stopped = [await frames(2), await frames(30)];
      press();
      return [begun, ...stopped, await frames(10)];
    });
    expect(begun).toBeGreaterThan(0);
    expect(positions[0]).toBeGreaterThanOrEqual(begun);
    expect(positions[1]).toBe(positions[0]);
    expect(positions[2]).toBeGreaterThan(positions[1]);
  });

  test("playing through ends at the last step, and train begins anew", async ({ page }) => {
    await open(page, "at=0.9");
    await settled(page);
    const button = page.locator(".transport .primary");
    await button.click();
    await expect(page.locator("#time")).toHaveValue("1000");
    await expect(button).toHaveText("Train");
    const anew = await button.evaluate(async (b) => {
      b.click();
      for (let k = 0; k < 10; k++) await new Promise(requestAnimationFrame);
      return Number(document.querySelector("#time").value);
    });
    expect(anew).toBeGreaterThan(0);
    expect(anew).toBeLessThan(500);
  });

  test("dragging a handle while it plays goes on playing", async ({ page }) => {
    await open(page, "at=0");
    // 24 seconds to play.
    await page.locator("#speed").selectOption({ label: "¼ ×" });
    await page.locator(".transport .primary").click();
    await page.locator(".handle.star").focus();
    await page.keyboard.press("ArrowDown");
    await expect(page.locator(".transport .primary")).toHaveText("Pause");
  });
});

test("step shows one recorded snapshot more", async ({ page }) => {
  await open(page, "at=0");
  await settled(page);
  const longest = async () => Math.max(...(await trained(page)).map((row) => row.step));
  expect(await longest()).toBe(0);
  for (const expected of [50, 100, 150]) {
    await page.getByRole("button", { name: "Step", exact: true }).click();
    expect(await longest()).toBe(expected);
  }
});

test("the time slider shows what the headless program recorded at that moment", async ({ page }) => {
  await open(page, "lambda=0.1");
  for (const position of [0, 300, 800]) {
    await slide(page, "#time", position);
    await settled(page);
    const rows = await compare(page, `time at ${position}`);
    expect(rows.find((r) => r.loss === "dpo").step).toBe(Math.floor((11_000 * position) / 1000 / 50) * 50);
  }
});

test("reset brings back the preset after γ or seeds alone have changed", async ({ page }) => {
  for (const [fragment, id] of [["view=shapes&gamma=0.5", "γ"], ["runs=3", "seeds"]]) {
    await test.step(id, async () => {
      await page.goto("about:blank");
      await open(page, fragment);
      await settled(page);
      const reset = page.getByRole("button", { name: "Reset", exact: true });
      await expect(reset).toBeEnabled();
      await reset.click();
      await settled(page);
      expect(page.url()).not.toMatch(/gamma|runs/);
      await expect(reset).toBeDisabled();
    });
  }
});

test("draws that leave no pair for a prompt are refused in a sentence, and the slider comes back", async ({ page }) => {
  await open(page, encodeURI('view=interpolation&preferences={"source":"sampled","draws":1,"seed":2,"pairing":"uniform"}'));
  const prompts = page.locator("#prompts");
  await page.locator("#c-size").click();
  for (let k = 0; k < 4; k++) {
    await prompts.focus();
    await page.keyboard.press("End");
  }
  await expect(notice(page)).toHaveText(/^preferences\.draws: gave no usable pair for prompt \S+; use more draws or another seed\.$/);
  await expect(prompts).toHaveValue("0");
  await expect(page.locator("#trouble")).toBeHidden();
  await settled(page);
  expect((await specOf(page)).prompts).toHaveLength(1);
});
