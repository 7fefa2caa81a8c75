// The exported sheet read back as a reader would, by its axes' numbers and the triangle's corners: every point that it draws is a
// number of the exported tables, and those are the headless program's.
import { saved, savedTables, share } from "./files.mjs";
import { READINGS, expect, gap, lab, open, settled, specOf, test } from "./helpers.mjs";

/** Units of the sheet to a pixel. Points are rounded to whole ones, and scales are read off points. */
const FINE = 16;
const ROUNDED = 2;
/** The longest gap of a dash, at which a curve may end. */
const DASH = 4 * FINE;

/** Hues and lines of the light sheet, as the style sheet has them. */
const HUES = { rlhf: "#6F6F78", dpo: "#0B66B2", ipo: "#B06F00", "f-dpo": "#0A8A63", typo: "#D1490C" };
const DASHED = ["rlhf", "ipo", "f-dpo"];
const [INK, SOFT, GRID, CURSOR] = ["#1B1C1E", "#5F5E5A", "#E6E4DD", "#0C7A74"];

/** What an SVG draws: its lines, areas, discs and words, each with its place, colour, opacity and width. */
const shapes = (page, svg) =>
  page.evaluate((text) => {
    const file = new DOMParser().parseFromString(text, "image/svg+xml");
    if (file.querySelector("parsererror")) throw new Error("not XML");
    return [...file.querySelectorAll("polyline, polygon, circle, text")].map((e) => {
      const number = (name) => Number(e.getAttribute(name));
      const points = e.getAttribute("points")?.trim().split(/\s+/).map((p) => p.split(",").map(Number));
      const place = e.tagName === "circle" ? [number("cx"), number("cy")] : [number("x"), number("y")];
      const [fill, stroke] = ["fill", "stroke"].map((name) => e.getAttribute(name));
      return { tag: e.tagName, filled: fill !== "none", colour: fill === "none" ? stroke : fill, opacity: number("opacity"), width: number("stroke-width"), radius: number("r"), points: points ?? [place], words: e.textContent.trim() };
    });
  }, svg);

const isLevel = ({ tag, points }) => tag === "polyline" && points.length === 2 && points[0][1] === points[1][1];
const centre = (points) => [0, 1].map((k) => points.reduce((sum, p) => sum + p[k], 0) / points.length);

/**
 * The pairs of axes: hairlines above one another. What a height is stands in words at the hairlines of the first of a row.
 * The topmost hairline need not be the plot's top, which the cursor's line tells.
 */
function plots(all) {
  const found = [];
  for (const { points: [[left, y], [right]] } of all.filter((s) => isLevel(s) && s.colour === GRID && s.width === FINE)) {
    const last = found.at(-1);
    if (last && last.left === left && last.right === right && y < last.ticks.at(-1).y) last.ticks.push({ y });
    else found.push({ left, right, ticks: [{ y }] });
  }
  const words = all.filter((s) => s.tag === "text");
  for (const plot of found) {
    for (const tick of plot.ticks) {
      const label = words.filter((w) => w.points[0][1] === tick.y && w.points[0][0] < plot.left).sort((a, b) => b.points[0][0] - a.points[0][0])[0];
      tick.value = Number(label.words.replace("−", "-"));
    }
    const [low, high] = [plot.ticks[0], plot.ticks.at(-1)];
    plot.y = (value) => low.y + ((value - low.value) / (high.value - low.value)) * (high.y - low.y);
    const line = all.find((s) => s.colour === CURSOR && s.tag === "polyline" && s.points[0][0] >= plot.left && s.points[0][0] <= plot.right && s.points[1][1] === low.y);
    [plot.bottom, plot.top, plot.cursor] = [low.y, line?.points[0][1] ?? high.y, line?.points[0][0]];
  }
  // As they stand: row by row.
  return found.sort((a, b) => a.bottom - b.bottom || a.left - b.left);
}

const isPanel = ({ ticks }) => `${ticks.map((t) => t.value)}` === "0,0.5,1";

/** Where a value lies between both ends of an axis, or of its logarithm; the limits of λ stand beyond it, in a margin. */
const along = (plot, [from, to], { isLog = false, margin = 0 } = {}) => {
  const of = isLog ? Math.log : (v) => v;
  const [left, right] = [plot.left + margin, plot.right - margin];
  return (value) => left + ((of(value) - of(from)) / (of(to) - of(from))) * (right - left);
};

/** A loss's lines within a rectangle, by their width where several kinds meet. */
const lines = (all, loss, { left, right, top, bottom }, width) =>
  all.filter((s) => s.tag === "polyline" && s.colour === HUES[loss] && (!width || width(s)) && s.points.every(([x, y]) => x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1)).map((s) => s.points);

const toSegment = ([x, y], [[a, b], [c, d]]) => {
  const [dx, dy] = [c - a, d - b];
  const share = Math.max(0, Math.min(1, ((x - a) * dx + (y - b) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - a - share * dx, y - b - share * dy);
};
const segments = (line) => (line.length > 1 ? line.slice(1).map((p, k) => [line[k], p]) : [[line[0], line[0]]]);
const farthest = (points, of) => Math.max(...points.map((p) => Math.min(...of.map((s) => toSegment(p, s)))));

/** Lines are drawn along the points that numbers give: none leaves them, and none of them is left out but in a dash's gap. */
function follows(drawn, points, isDashed, top = -Infinity) {
  expect(drawn.length).toBeGreaterThan(0);
  if (!isDashed && top === -Infinity) expect(drawn.map((line) => line.length)).toEqual([points.length]);
  const shown = points.filter(([, y]) => y >= top);
  expect(shown.length).toBeGreaterThan(points.length / 4);
  expect(farthest(drawn.flat(), segments(points))).toBeLessThan(ROUNDED);
  expect(farthest(shown, drawn.flatMap(segments))).toBeLessThan(isDashed ? DASH + ROUNDED : ROUNDED);
}

/** Every loss's panel: a line an action, through (x, π). */
function comparePanels(all, panels, losses, rowsOf, x) {
  expect(panels.length).toBe(losses.length);
  losses.forEach((loss, k) => {
    const [panel, rows] = [panels[k], rowsOf(loss)];
    const at = x(panel, rows);
    const actions = Object.keys(rows[0]).filter((name) => name.startsWith("pi_"));
    // The last action's line lies undermost.
    const drawn = lines(all, loss, panel).reverse();
    expect(drawn.length, `${loss}: a line an action`).toBe(actions.length);
    actions.forEach((name, a) => follows([drawn[a]], rows.map((r) => [at(r), panel.y(Number(r[name]))]), false));
  });
}

/** The place of a policy between the triangle's corners. */
const within = (corners) => (pi) => [0, 1].map((axis) => corners.reduce((sum, c, k) => sum + pi[k] * c[axis], 0));

/** Every loss's ways through the triangle: over the sweep, thin, and in training. */
function compareTriangle(all, outline, losses, runsOf, curvesOf) {
  const corners = outline.points.slice(0, 3);
  const at = (r) => within(corners)([0, 1, 2].map((k) => Number(r[`pi_${k}`])));
  const [xs, ys] = [corners.map((c) => c[0]), corners.map((c) => c[1])];
  const box = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
  for (const loss of losses) {
    follows(lines(all, loss, box, (s) => s.width === FINE), curvesOf(loss).map(at), false);
    follows(lines(all, loss, box, (s) => s.width >= 2 * FINE), runsOf(loss).map(at), DASHED.includes(loss));
  }
}

const triangles = (all) =>
  all.filter(({ tag, colour, points }) => tag === "polyline" && colour === SOFT && points.length === 4 && `${points[0]}` === `${points[3]}`).sort((a, b) => a.points[0][0] - b.points[0][0]);

/** The sheet of what the page shows, with the tables' lines by loss and prompt. */
async function sheet(page, fragment) {
  await open(page, fragment);
  await settled(page);
  await share(page);
  const spec = await specOf(page);
  const all = await shapes(page, (await saved(page, "Figures, SVG")).bytes.toString());
  const tables = await savedTables(page);
  const of = (table) => (prompt) => (loss) => tables[table].filter((r) => r.loss === loss && r.prompt === prompt);
  return { all, spec, losses: spec.losses.map((l) => l.kind), plots: plots(all), runs: of("runs"), curves: of("curves") };
}

const overSteps = (panel, rows) => {
  const at = along(panel, [0, Number(rows.at(-1).step)]);
  return (r) => at(Number(r.step));
};
/** The sweep's axis of λ; limits stand eleven pixels beyond either end. */
const overLambda = ({ sweep }, margin) => (plot) => {
  const at = along(plot, [sweep.from, sweep.to], { isLog: true, margin: margin * FINE });
  return (r) => at(Number(r.lambda));
};

test("the sheet of the interpolation view draws the tables' numbers: triangle, learning curves, λ-curves", async ({ page }) => {
  const { all, spec, losses, plots, runs, curves } = await sheet(page, "lambda=0.2");
  expect(losses).toEqual(Object.keys(HUES));
  comparePanels(all, plots.slice(0, 5), losses, runs("x"), overSteps);
  comparePanels(all, plots.slice(5), losses, curves("x"), overLambda(spec, 11));
  for (const plot of plots.slice(5)) expect(gap(plot.cursor, overLambda(spec, 11)(plot)({ lambda: 0.2 }))).toBeLessThan(ROUNDED);
  const [triangle, ...others] = triangles(all);
  expect(others).toEqual([]);
  compareTriangle(all, triangle, losses, runs("x"), curves("x"));
});

test("the sheet of the preservation view draws the tables' numbers of both prompts: triangles, distances, learning curves", async ({ page }) => {
  const { all, spec, losses, plots, runs, curves } = await sheet(page, "view=preservation&preset=figure-3-preservation");
  const middle = (Math.min(...plots.map((p) => p.left)) + Math.max(...plots.map((p) => p.right))) / 2;
  expect(triangles(all).length).toBe(2);
  spec.prompts.forEach(({ name }, x) => {
    const [distances, ...panels] = plots.filter((p) => p.left > middle === (x === 1));
    comparePanels(all, panels, losses, runs(name), overSteps);
    compareTriangle(all, triangles(all)[x], losses, runs(name), curves(name));
    const at = overLambda(spec, 0)(distances);
    for (const loss of losses) {
      const points = curves(name)(loss).map((r) => [at(r), distances.y(Number(r.kl_star))]);
      follows(lines(all, loss, distances), points, DASHED.includes(loss), distances.top);
    }
    expect(gap(distances.cursor, at({ lambda: 1 }))).toBeLessThan(ROUNDED);
  });
});

test("the sheet of the constraints view draws the tables' numbers: triangle, distance from RLHF, α-curves", async ({ page }) => {
  const { all, spec, losses, plots, runs, curves } = await sheet(page, "view=constraints&preset=figure-3-constraint&weight_decay.alpha=0.005");
  const overAlpha = (plot) => {
    const at = along(plot, [spec.sweep.from, spec.sweep.to]);
    return (r) => at(Number(r.alpha));
  };
  const [distances, ...panels] = plots;
  comparePanels(all, panels, losses, curves("x"), overAlpha);
  for (const plot of plots) expect(gap(plot.cursor, overAlpha(plot)({ alpha: 0.005 }))).toBeLessThan(ROUNDED);
  compareTriangle(all, triangles(all)[0], losses, runs("x"), curves("x"));
  const rlhf = curves("x")("rlhf");
  for (const loss of losses) {
    const nats = (r, k) => [0, 1, 2].map((a) => Number(rlhf[k][`pi_${a}`]) * Math.log(Number(rlhf[k][`pi_${a}`]) / Number(r[`pi_${a}`]))).reduce((sum, v) => sum + v, 0);
    const points = curves("x")(loss).map((r, k) => [overAlpha(distances)(r), distances.y(nats(r, k))]);
    follows(lines(all, loss, distances), points, DASHED.includes(loss), distances.top);
  }
});

test("the sheet of sixteen actions draws the tables' numbers: bars, heat map, learning curves, λ-curves", async ({ page }) => {
  const ACTIONS = 16;
  const policy = (of) => Array.from({ length: ACTIONS }, (_, k) => of(k)).join(",");
  const given = `prompts.0.pi_ref=${policy((k) => ((k % 4) + 1) / 40)}&prompts.0.pi_star=${policy((k) => (((5 * k) % 16) + 1) / 136)}`;
  const { all, spec, losses, plots, runs, curves } = await sheet(page, `lambda=0.1&optimiser.steps=600&losses.3.steps=600&${given}`);
  const panels = plots.filter(isPanel);
  comparePanels(all, panels.slice(0, 5), losses, runs("x"), overSteps);
  comparePanels(all, panels.slice(5), losses, curves("x"), overLambda(spec, 11));

  const [bars, ...others] = plots.filter((p) => !isPanel(p));
  expect(others).toEqual([]);
  const ends = losses.map((loss) => Array.from({ length: ACTIONS }, (_, a) => Number(runs("x")(loss).at(-1)[`pi_${a}`])));
  const { pi_ref: reference, pi_star: star } = spec.prompts[0];
  const [slot, height] = [(bars.right - bars.left) / ACTIONS, Math.abs(bars.y(1) - bars.y(0))];
  const isInBars = ({ points }) => {
    const [x, y] = centre(points);
    return x > bars.left && x < bars.right && y < bars.bottom + ROUNDED;
  };
  /** The action under a shape, and the probability that its middle is at. */
  const read = (points) => {
    const [x, y] = centre(points);
    return [Math.floor((x - bars.left) / slot), (bars.bottom - y) / height];
  };
  const byAction = (shapes) => {
    const found = shapes.map((s) => read(s.points));
    return Array.from({ length: ACTIONS }, (_, a) => found.filter(([k]) => k === a).map(([, p]) => p));
  };
  const inBars = all.filter(isInBars);
  const marked = (hue) => byAction(inBars.filter((s) => s.colour === hue && ["polygon", "circle"].includes(s.tag) && s.filled && s.opacity === 1));
  // Where training is on its way, a ring stands at the minimiser.
  const minimisers = lab("minimise", spec).minimisers.map((m) => m.prompts[0].pi);
  losses.forEach((loss, k) => {
    const rings = byAction(inBars.filter((s) => s.colour === HUES[loss] && s.tag === "circle" && !s.filled));
    rings.forEach((list, a) => {
      const way = Math.abs(minimisers[k][a] - ends[k][a]) * height;
      if (way > 8 * FINE) expect(list.length, `${loss} is on its way at action ${a}`).toBe(1);
      for (const p of list) expect(Math.abs(p - minimisers[k][a])).toBeLessThan(ROUNDED / height);
    });
    if (loss === "dpo") expect(rings.flat().length).toBeGreaterThan(0);
  });
  const near = (found, wanted, what) => {
    expect(found.map((list) => list.length), what).toEqual(wanted.map(() => 1));
    expect(gap(found, wanted), what).toBeLessThan(ROUNDED / height);
  };
  losses.forEach((loss, k) => near(marked(HUES[loss]), ends[k], `markers of ${loss}`));
  near(byAction(inBars.filter((s) => isLevel(s) && s.colour === INK)), star, "π*");
  const dots = byAction(inBars.filter((s) => isLevel(s) && s.colour === SOFT));
  dots.forEach((list, a) => expect(gap(list, list.map(() => reference[a])), "π_ref").toBeLessThan(ROUNDED / height));
  expect(Math.min(...dots.map((list) => list.length))).toBeGreaterThan(2);

  // The heat map below: the darker, the likelier, by the square root.
  const cells = all.filter((s) => s.tag === "polygon" && s.colour !== GRID && s.points.length === 4 && s.points[2][1] - s.points[0][1] === 20 * FINE && s.points[0][1] > bars.bottom);
  const heat = [star, reference, ...ends];
  expect(cells.length).toBe(heat.length * ACTIONS);
  const ordered = cells.toSorted((a, b) => a.points[0][1] - b.points[0][1] || a.points[0][0] - b.points[0][0]);
  expect(ordered.map((s) => s.colour)).toEqual([INK, INK, ...losses.map((l) => HUES[l])].flatMap((hue) => Array(ACTIONS).fill(hue)));
  expect(gap(ordered.map((s) => s.opacity ** 2), heat)).toBeLessThan(1e-9);
});

test("the paper's readings are rings where they were read: on the triangle, and at the end of the learning curves", async ({ page }) => {
  const { all, losses, plots } = await sheet(page, `paper=1&kl=authors&preferences=${encodeURIComponent('{"source":"sampled","draws":300,"seed":100,"pairing":"uniform"}')}`);
  const rings = (colour, radius) => all.filter((s) => s.tag === "circle" && s.colour === colour && s.radius === radius * FINE).map((s) => s.points[0]);
  const near = (found, wanted) => {
    expect(found.length).toBe(wanted.length);
    found.forEach((p, k) => expect(Math.hypot(p[0] - wanted[k][0], p[1] - wanted[k][1])).toBeLessThan(ROUNDED));
  };
  const at = within(triangles(all)[0].points.slice(0, 3));
  losses.forEach((loss, k) => {
    const read = READINGS["figure-2"].filter(([of]) => of === loss).map(([, , pi]) => pi);
    near(rings(HUES[loss], 7.5), read.map(at));
    // Of the key and of other panels are the rest.
    const inPanel = rings(INK, 4).filter(([x, y]) => x > plots[k].left && x < plots[k].right && y >= plots[k].top - 1 && y <= plots[k].bottom + 1);
    near(inPanel, (read.at(-1) ?? []).map((p) => [plots[k].right - 5 * FINE, plots[k].y(p)]));
  });
});
