// Every control changes the experiment, and every figure and number becomes what the headless program prints for it.
import { SHORT, VIEWS, compare, dragBy, expect, gap, open, press, settled, slide, specOf, test, trained, type, unfold } from "./helpers.mjs";
import { alike, becomes, chosen, pictures, pressed, row, same, typed, useEach } from "./rows.mjs";

const EXPERIMENTS = {
  interpolation: `${SHORT}&sweep.points=21`,
  // Long enough that a divergence's order shows in a learning curve.
  preservation: `${VIEWS.preservation}&lambda=0.4&optimiser.steps=1000&sweep.points=21`,
  constraints: `${VIEWS.constraints}&weight_decay.alpha=0.01&optimiser.steps=400&sweep.points=21`,
};

/** What training alone changes: where the minimisers are, only the data, the policies and the losses say. */
const TRAINING = ["triangle", "learning"];

const NAMES = { rlhf: "RLHF", dpo: "DPO", ipo: "IPO", "f-dpo": "f-DPO", typo: "TYPO" };
const kinds = (spec) => spec.losses.map((l) => l.kind);
const fDpo = (spec) => spec.losses.find((l) => l.kind === "f-dpo").divergence;
const last = (spec) => spec.losses.at(-1);
const data = (spec) => spec.preferences;

/** Divergences by the page's name for them. */
const DIVERGENCES = { "reverse KL": "reverse-kl", "forward KL": "forward-kl", "Jensen–Shannon": "jensen-shannon", "α = 0.5": { alpha: 0.5 } };

/** A loss on or off; it takes its place in the order that the losses always have. */
const toggled = (kind) =>
  row(
    `${NAMES[kind]} on or off`,
    (page) => page.getByLabel(NAMES[kind], { exact: true }).click(),
    (after, before) => expect(kinds(after)).toEqual(Object.keys(NAMES).filter((k) => kinds(before).includes(k) !== (k === kind))),
  );

/** The last handle of a kind that is shown, moved by keys: prompt `x`'s. */
const handle = (x, of, figures) =>
  row(
    `the handle of ${of}`,
    async (page) => {
      await page.locator(`.handle.${of}`).last().focus();
      for (const key of ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown", "Shift+ArrowDown"]) await page.keyboard.press(key);
    },
    (after, before) => {
      expect(gap(after.prompts[x][`pi_${of}`], before.prompts[x][`pi_${of}`])).toBeGreaterThan(0.01);
      const put = structuredClone(after);
      put.prompts[x][`pi_${of}`] = before.prompts[x][`pi_${of}`];
      same(put, before);
    },
    figures,
  );

/** The first slider of a policy, whose track runs from 0.001 to 0.998. */
const share = (x, of, figures) => row(`the first slider of ${of}`, (page) => slide(page, `#policy-${x}-${of}-0`, 300), becomes((s) => s.prompts[x][`pi_${of}`][0], 0.3), figures);

/** Where each prompt has figures of its own, those of the last one follow its policies. */
const ofLast = (view) => (view === "preservation" ? [1, "bad", ["bad"]] : [0, "x", undefined]);

/** The controls of a view by what they are about. */
function controls(view) {
  const [x, name, own] = ofLast(view);
  return {
    "the trade-off, weight decay and the policies": [
      typed("λ", "0.3", (s) => s.losses[1].lambda),
      typed("α", "0.003", (s) => s.weight_decay.alpha),
      pressed("on π", (s) => s.weight_decay.on, "policy"),
      pressed("on θ", (s) => s.weight_decay.on, "logits"),
      ...["ref", "star"].flatMap((of) => [handle(x, of, own), share(x, of, own)]),
    ],
    "the preference data": [
      pressed("drawn from πref", data, { source: "population", pairing: "reference" }),
      pressed("draws", data, { source: "sampled", draws: 300, seed: 100, pairing: "reference" }),
      typed("pairs drawn", "120", (s) => data(s).draws),
      typed("data seed", "7", (s) => data(s).seed),
      pressed("all pairs alike", data, { source: "sampled", draws: 120, seed: 7, pairing: "uniform" }),
      pressed("counts", (s) => data(s).source, "counts"),
      row(
        "an edited count",
        async (page) => {
          const cell = page.getByLabel(`${name}: wins of y c over y a`, { exact: true });
          await cell.fill("40");
          await cell.press("Enter");
        },
        becomes((s) => data(s).counts?.[x][2][0], 40),
        own,
      ),
      pressed("expectation", data, { source: "population", pairing: "uniform" }),
    ],
    "the losses": [
      // With draws, whose fitted reward is another than the true one.
      pressed("draws", (s) => data(s).source, "sampled"),
      ...(view === "constraints" ? ["rlhf", "rlhf", "dpo", "dpo", "ipo", "typo", "f-dpo"].map(toggled) : []),
      // How far a loss is from the RLHF with its own reward hangs on no other.
      ...["fitted", "true"].map((reward) => pressed(`${reward} reward`, (s) => s.losses[0].reward ?? "true", reward, view === "constraints" ? ["triangle", "curves"] : undefined)),
      ...["reverse KL", "forward KL", "α = 0.5"].map((label) => chosen("#divergence", label, fDpo, DIVERGENCES[label])),
      row("the order of f-DPO's α-divergence", (page) => type(page, "order α", "0.2"), becomes(fDpo, { alpha: 0.2 })),
      chosen("#divergence", "Jensen–Shannon", fDpo, "jensen-shannon"),
      pressed("authors’ KL ÷ A", (s) => s.kl, "authors"),
      pressed("true KL", (s) => s.kl, "true"),
      // f-DPO last: it comes back with its preset's long run.
      ...(view === "constraints" ? [] : ["rlhf", "dpo", "ipo", "typo", "f-dpo"].flatMap((kind) => [toggled(kind), toggled(kind)])),
    ],
    "a loss of one's own": [
      pressed("Add a ψ and μ of your own", (s) => last(s).psi, "hinge"),
      chosen("#psi", "logistic", (s) => last(s).psi, "logistic"),
      ...["Jensen–Shannon", "α = 0.5"].map((label) => chosen("#mu", `f′ of ${label}`, (s) => last(s).mu, DIVERGENCES[label])),
      row("the order of its α-divergence", (page) => type(page, "order α", "0.2"), becomes((s) => last(s).mu, { alpha: 0.2 })),
      ...["forward KL", "reverse KL"].map((label) => chosen("#mu", `f′ of ${label}`, (s) => last(s).mu, DIVERGENCES[label])),
      pressed("Remove", (s) => kinds(s).includes("qpo"), false),
    ],
    "the optimiser": [
      pressed("gradient descent", (s) => s.optimiser.kind, "sgd", TRAINING),
      pressed("Adam", (s) => s.optimiser.kind, "adam", TRAINING),
      typed("learning rate", "0.002", (s) => s.optimiser.learning_rate, TRAINING),
      typed("steps", "450", (s) => s.optimiser.steps, TRAINING),
      typed("gradient clipped at", "0.05", (s) => s.optimiser.clip_norm, TRAINING),
      typed("pairs a step", "7", (s) => s.optimiser.batch_size, TRAINING),
      typed("seed", "3", (s) => s.optimiser.seed, TRAINING),
      // The record shows in the curves' grain only, which a smooth curve hides.
      typed("recorded every", "150", (s) => s.optimiser.record_every, []),
      pressed("full gradient", (s) => s.optimiser.batch_size, null, TRAINING),
      row("batches", (page) => press(page, "batches"), (after) => expect(after.optimiser.batch_size).toBeGreaterThan(0), TRAINING),
      ...(view === "interpolation" ? [pressed("All losses alike", (s) => s.losses.some((l) => l.steps || l.learning_rate), false, TRAINING)] : []),
    ],
  };
}

for (const [view, fragment] of Object.entries(EXPERIMENTS)) {
  for (const [about, rows] of Object.entries(controls(view))) {
    test(`the ${view} view follows every control of ${about}`, async ({ page }) => {
      await open(page, fragment);
      await settled(page);
      await unfold(page, "Losses");
      await unfold(page, "Optimiser");
      await useEach(page, rows);
    });
  }

  test(`two actions in the ${view} view: trained, their policies edited, and three again`, async ({ page }) => {
    await open(page, fragment);
    await settled(page);
    await unfold(page, "Prompts and actions");
    const [x, , own] = ofLast(view);
    const actions = (s) => s.prompts[x].pi_ref.length;
    await useEach(page, [typed("actions", "2", actions), share(x, "star", own), typed("actions", "3", actions)]);
  });
}

for (const view of ["interpolation", "constraints"]) {
  test(`the prompt that is picked in the ${view} view is the one whose figures and numbers are shown`, async ({ page }) => {
    await open(page, EXPERIMENTS[view]);
    await settled(page);
    await unfold(page, "Prompts and actions");
    const pick = (name) => row(`prompt ${name} is picked`, () => page.getByRole("group", { name: "which prompt is shown" }).getByRole("button", { name, exact: true }).click(), same);
    await useEach(page, [
      // The second is like the first so far: only the batches are others.
      typed("prompts", "2", (s) => s.prompts.length, TRAINING),
      share(1, "star", []),
      pick("x2"),
      typed("λ", "0.3", (s) => s.losses[1].lambda),
      handle(1, "star"),
      pick("x"),
    ]);
  });
}

test("a prompt's reference is made ideal or off by a press, and the verdicts speak of what is then good and bad", async ({ page }) => {
  await open(page, EXPERIMENTS.preservation);
  await settled(page);
  const made = (prompt, name, check) => row(`${prompt}: ${name}`, () => page.getByRole("group", { name: `the ${prompt} prompt’s reference` }).getByRole("button", { name, exact: true }).click(), check, [prompt]);
  const ideal = (x) => (after, before) => {
    expect(after.prompts[x].pi_ref).toEqual(before.prompts[x].pi_star);
    expect(after.prompts[x].pi_star).toEqual(before.prompts[x].pi_star);
  };
  // The likeliest action has half of its share.
  const off = (x, share) => (after, before) => {
    expect(after.prompts[x].pi_ref[0]).toBe(share);
    expect(after.prompts[x].pi_star).toEqual(before.prompts[x].pi_star);
  };
  const notes = page.locator(".prompt > h2:first-child small");
  await useEach(page, [made("bad", "ideal: π* itself", ideal(1)), made("good", "off", off(0, 0.3))]);
  await expect(notes).toHaveText(["the reference is off", "the reference is ideal"]);
  await useEach(page, [made("good", "ideal: π* itself", ideal(0))]);
  await expect(notes).toHaveText(["the reference is ideal", "the reference is ideal"]);
});

test("every drop-down list shows the experiment's choice, also when it was undone or chosen elsewhere", async ({ page }) => {
  const shown = (list) => page.locator(`${list} option:checked`).textContent();
  await open(page, `${SHORT}&sweep.points=9`);
  const start = await shown("#preset");
  await page.locator("#preset").selectOption({ label: "One label a pair" });
  await settled(page);
  await press(page, "Undo");
  await settled(page);
  expect(await shown("#preset")).toBe(start);

  await unfold(page, "Losses");
  await press(page, "Add a ψ and μ of your own");
  await page.locator("#psi").selectOption({ label: "savage" });
  await settled(page);
  await press(page, "Undo");
  await settled(page);
  expect([last(await specOf(page)).psi, await shown("#psi")]).toEqual(["hinge", "hinge"]);

  await open(page, VIEWS.preservation);
  await page.locator("#preset").selectOption({ label: "Threshold ψ: a way round" });
  await press(page, "Interpolation");
  await press(page, "Preservation");
  await settled(page);
  expect([(await specOf(page)).losses.at(-1).psi, await shown("#preset")]).toEqual(["threshold", "Threshold ψ: a way round"]);
});

test("a double click on the time slider goes to the end of training", async ({ page }) => {
  await open(page, `${SHORT}&at=0.3`);
  await settled(page);
  expect((await trained(page)).map((r) => r.step)).toEqual(Array(5).fill(150));
  await page.locator("#time").dblclick();
  await expect(page.locator("#time")).toHaveValue("1000");
  await settled(page);
  const rows = await compare(page, "after a double click");
  expect(rows.map((r) => r.step)).toEqual(Array(5).fill(600));
});

test("undo takes back each change in one step, a whole drag too, and redo brings it again, figures and all", async ({ page }) => {
  await open(page, `${SHORT}&sweep.points=21`);
  await settled(page);
  for (const name of ["Losses", "Optimiser", "Prompts and actions"]) await unfold(page, name);
  const acts = {
    "the star dragged": () => dragBy(page, ".handle.star", -60, 60),
    "a slider dragged": () => dragBy(page, "#lambda", 40, 0),
    "data source": () => press(page, "counts"),
    "an edited count": async () => {
      const cell = page.getByLabel("x: wins of y c over y a", { exact: true });
      await cell.fill("40");
      await cell.press("Enter");
    },
    "a loss taken away": () => page.getByLabel("IPO", { exact: true }).click(),
    "the optimiser": () => press(page, "gradient descent"),
    "its rate": () => type(page, "learning rate", "0.02"),
    "where weight decay acts": () => press(page, "on π"),
    "how KL is counted": () => press(page, "authors’ KL ÷ A"),
    "actions": () => type(page, "actions", "4"),
  };
  const seen = async () => {
    const shown = await pictures(page);
    return { shown, address: new URL(page.url()).hash };
  };
  const agree = (a, b) => {
    expect(a.address).toBe(b.address);
    expect(alike(a.shown, b.shown)).toEqual(Object.keys(b.shown));
  };
  const states = [await seen()];
  for (const [name, act] of Object.entries(acts)) {
    await test.step(name, async () => {
      await act();
      const after = await seen();
      expect(after.address).not.toBe(states.at(-1).address);
      await press(page, "Undo");
      agree(await seen(), states.at(-1));
      await press(page, "Redo");
      agree(await seen(), after);
      states.push(after);
    });
  }
  for (let k = 0; k < states.length - 1; k++) await press(page, "Undo");
  agree(await seen(), states[0]);
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();
  await compare(page, "after all is undone");
});

/** The losses whose own hues panels of small multiples show, on light paper, a list a figure, with the figure's height. */
const inked = (page) =>
  page.locator('canvas[data-figure="learning"], canvas[data-figure="curves"]').evaluateAll((all) => {
    const style = getComputedStyle(document.documentElement);
    const losses = ["rlhf", "dpo", "ipo", "f-dpo", "typo"];
    const hues = losses.map((key) => parseInt(style.getPropertyValue(`--loss-${key}`).match(/#([0-9a-f]{6})/)[1], 16));
    return all.map((canvas) => {
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let k = 0; k < data.length; k += 4) seen.add((data[k] << 16) | (data[k + 1] << 8) | data[k + 2]);
      return { losses: losses.filter((_, k) => seen.has(hues[k])), height: canvas.clientHeight };
    });
  });

for (const [view, fragment] of Object.entries(EXPERIMENTS)) {
  test(`a loss that is picked in the ${view} view's legend is drawn as if there were no other, in figures of the same height, and another press draws all again`, async ({ page }) => {
    await open(page, fragment);
    await settled(page);
    const [all, panels] = [await pictures(page), await inked(page)];
    const entry = page.locator(".legend .entry.dpo");
    await entry.click();
    const alone = await pictures(page);
    expect(alike(all, alone)).toEqual([]);
    expect(panels.length).toBeGreaterThan(0);
    expect(panels.every((p) => p.losses.length > 1)).toBe(true);
    expect(await inked(page)).toEqual(panels.map(({ height }) => ({ losses: ["dpo"], height })));
    await entry.click();
    expect(alike(all, await pictures(page))).toEqual(Object.keys(all));

    await unfold(page, "Losses");
    for (const [kind, name] of Object.entries(NAMES)) {
      const box = page.getByLabel(name, { exact: true });
      if (kind !== "dpo" && (await box.isChecked())) await box.click();
    }
    // Panels of one loss alone are as high as that one needs.
    const others = Object.keys(alone).filter((name) => !/learning|curves/.test(name));
    expect(others.length).toBeGreaterThan(0);
    expect(alike(alone, await pictures(page))).toEqual(others);
  });
}
