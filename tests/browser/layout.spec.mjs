// The page keeps its shape: no overflow from a phone to 4K, no shift while values change, sharp canvases.
import { dragBy, expect, lab, notice, open, press, settled, slide, specOf, test, type, VIEWS } from "./helpers.mjs";

/** Where the page's parts stand, to a tenth of a pixel: a cell's left edge too, as columns can shift under equal rows. */
const boxes = (page) =>
  page.evaluate(() => {
    const parts = ["h1", "canvas", ".legend", ".transport", ".verdicts", ".verdicts tr", ".verdicts th[scope=col]", "#numbers", ".controls section", "footer"];
    const box = (e) => {
      const { x, y, width, height } = e.getBoundingClientRect();
      return [x + scrollX, y + scrollY, width, height].map((v) => Math.round(v * 10) / 10).join(" ");
    };
    return parts.flatMap((name) => [...document.querySelectorAll(name)].map((e, k) => `${name} ${k}: ${box(e)}`));
  });

/** Cells of tables whose text is wider than they are: it would run into the next. */
const cramped = (page) =>
  page.locator("td, th").evaluateAll((all) => all.filter((c) => c.scrollWidth > c.clientWidth + 1).map((c) => `${c.textContent} in ${c.clientWidth} px`));

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

for (const [view, fragment] of Object.entries(VIEWS)) {
  for (const width of [360, 768, 1440, 2560, 3840]) {
    test.describe(() => {
      test.use({ viewport: { width, height: 900 } });

      test(`the ${view} view fits ${width} px, and nothing moves while λ changes`, async ({ page }) => {
        await open(page, fragment);
        await settled(page);
        await slide(page, "#lambda", 0);
        const before = await boxes(page);
        for (const position of [300, 700, 1000]) {
          await slide(page, "#lambda", position);
          expect(await boxes(page), `λ at ${position}`).toEqual(before);
          expect(await cramped(page), `λ at ${position}`).toEqual([]);
        }
        await page.locator("#numbers summary").click();
        expect(await overflow(page)).toBeLessThanOrEqual(0);
      });
    });
  }
}

for (const width of [768, 1280, 1440]) {
  test(`verdicts on sixty-four actions stand in their cells, ${width} px wide`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    const policy = (of) => Array.from({ length: 64 }, (_, k) => of(k)).join();
    for (const view of ["interpolation", "constraints"]) {
      // The likeliest have the longest names.
      await open(page, `view=${view}&lambda=3&optimiser.steps=50&losses.3.steps=50&prompts.0.pi_ref=${policy(() => 1 / 64)}&prompts.0.pi_star=${policy((k) => (k + 1) / 2080)}`);
      await settled(page);
      await expect(page.locator(".verdicts [data-pi]").first()).toHaveText(/^\(y_64 0\.\d\d, y_63 0\.\d\d, …\)/);
      expect(await cramped(page), view).toEqual([]);
    }
  });
}

/** Where figures, tables and controls stand in the page, downwards, and how high they are. λ's slider sticks to a phone's window. */
const heights = (page) =>
  page.evaluate(async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    const parts = ["canvas", ".legend", ".transport", ".verdicts", "details.numbers", ".controls section:not(.trade-off)", "footer"];
    const box = ({ y, height }) => [y + scrollY, height].map((v) => Math.round(v)).join(" + ");
    return Object.fromEntries(parts.flatMap((name) => [...document.querySelectorAll(`#app ${name}`)].map((e, k) => [`${name} ${k}`, box(e.getBoundingClientRect())])));
  });

const sliding = (id, positions) => async (page, look) => {
  for (const position of positions) {
    await slide(page, id, position);
    await look(`at ${position}`);
  }
};

/** What changes values, and looks at the page on the way. */
const GESTURES = {
  "α slid up from 0": sliding("#alpha", [0, 1, 300, 1000]),
  "training time scrubbed": sliding("#time", [0, 300, 1000]),
  "the star dragged": async (page, look) => {
    for (const by of [[-20, 30], [-60, 40]]) {
      await dragBy(page, ".handle.star >> nth=-1", ...by, { release: false });
      await look("held");
      await page.mouse.up();
    }
    await look("let go");
  },
  "a loss picked in the legend": async (page, look) => {
    const entry = page.locator(".legend .entry").nth(1);
    await entry.click();
    await look("alone");
    await entry.click();
    await look("among the others");
  },
  "an edit refused": async (page, look) => {
    await type(page, "α", "abc");
    await expect(notice(page)).toBeVisible();
    await look("with its message");
    await page.getByRole("button", { name: "Dismiss" }).click();
    await look("dismissed");
  },
};

for (const view of ["interpolation", "preservation", "constraints"]) {
  for (const width of [360, 768, 1440]) {
    test.describe(() => {
      test.use({ viewport: { width, height: 900 } });

      test(`in the ${view} view, ${width} px wide, figures, tables and controls stay where they are whatever changes`, async ({ page }) => {
        await open(page, `${VIEWS[view]}&optimiser.steps=600`);
        await settled(page);
        const moved = [];
        let last = await heights(page);
        const look = (name) => async (when) => {
          const [before, now] = [last, await heights(page)];
          last = now;
          const parts = Object.keys({ ...before, ...now }).filter((part) => now[part] !== before[part]);
          if (parts.length === 0) return;
          const words = await page.locator(".headline > *").evaluateAll((all) => all.map((e) => `${e.clientHeight} px “${e.textContent}”`));
          moved.push(`${name}, ${when}: ${parts.length} parts, the first, ${parts[0]}, from ${before[parts[0]]} to ${now[parts[0]]}, below ${words.join(" and ")}`);
        };
        for (const [name, act] of Object.entries(GESTURES)) {
          await act(page, look(name));
          await settled(page);
          await look(name)("after it");
        }
        expect(moved).toEqual([]);
      });
    });
  }
}

test("on a phone the slider at the lower edge has its ends, and nothing lies over it", async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await open(page, "lambda=0.5");
  const ends = page.locator(".trade-off .ends span");
  await expect(ends).toHaveText(["toward 0", "toward ∞"]);
  const [low, high] = [await ends.first().boundingBox(), await ends.last().boundingBox()];
  const [range, reset] = [await page.locator("#lambda").boundingBox(), await page.locator(".trade-off .reset").boundingBox()];
  expect(range.width).toBeGreaterThan(150);
  expect(low.x).toBeGreaterThanOrEqual(range.x - 1);
  expect(low.x + low.width).toBeLessThan(high.x);
  expect(high.x + high.width).toBeLessThanOrEqual(range.x + range.width + 1);
  expect(Math.max(low.y + low.height, high.y + high.height)).toBeLessThanOrEqual(740);
  expect(reset.x).toBeGreaterThanOrEqual(range.x + range.width);
});

test("beyond 110rem text and figures grow with the window", async ({ page }) => {
  await open(page);
  const sizes = () =>
    page.evaluate(() => [parseFloat(getComputedStyle(document.querySelector("h1")).fontSize), document.querySelector(".triangle canvas").getBoundingClientRect().height]);
  await page.setViewportSize({ width: 1760, height: 900 });
  // The canvas takes its new height with the next painting.
  await settled(page);
  const usual = await sizes();
  await page.setViewportSize({ width: 3520, height: 1800 });
  await expect.poll(async () => (await sizes()).map((size, k) => Math.round((100 * size) / usual[k]))).toEqual([200, 200]);
});

/** How far the canvases' sizes are from their boxes', in device pixels. */
const blur = (page) =>
  page.locator("canvas").evaluateAll((all) =>
    all.flatMap((c) => {
      const { width, height } = c.getBoundingClientRect();
      return [c.width - width * devicePixelRatio, c.height - height * devicePixelRatio].map(Math.abs);
    }),
  );

for (const ratio of [1, 2, 3]) {
  test.describe(() => {
    test.use({ deviceScaleFactor: ratio });

    test(`canvases are sharp at pixel ratio ${ratio}, also after the window has changed`, async ({ page }) => {
      for (const fragment of Object.values(VIEWS)) {
        await page.goto("about:blank");
        await open(page, fragment);
        for (const width of [1440, 777, 360, 1800]) {
          await page.setViewportSize({ width, height: 900 });
          await expect.poll(async () => Math.max(...(await blur(page))), `${width} px`).toBeLessThan(0.01);
        }
      }
    });
  });
}

test("canvases are sharp where their room changes under a hand, which looks at none", async ({ page }) => {
  await open(page);
  const thumb = await page.locator("#lambda").boundingBox();
  const to = (share) => page.mouse.move(thumb.x + share * thumb.width, thumb.y + thumb.height / 2);
  await to(0.5);
  await page.mouse.down();
  await to(0.6);
  const width = async () => (await page.locator(".triangle canvas").boundingBox()).width;
  const before = await width();
  await page.evaluate(() => (document.querySelector("main").style.maxWidth = "500px"));
  await to(0.61);
  await expect.poll(width).toBeLessThan(before - 10);
  await expect.poll(async () => Math.max(...(await blur(page)))).toBeLessThan(0.01);
  await page.mouse.up();
});

test("canvases are sharp on a screen of other pixels, however often the window is moved to another", async ({ page }) => {
  await page.addInitScript(() => {
    const ask = window.matchMedia.bind(window);
    window.asked = [];
    window.matchMedia = (query) => {
      const answer = ask(query);
      if (query.includes("dppx")) window.asked.push(answer);
      return answer;
    };
  });
  await open(page);
  await settled(page);
  const screen = await page.context().newCDPSession(page);
  for (const ratio of [2, 3, 1.25, 3, 1]) {
    await screen.send("Emulation.setDeviceMetricsOverride", { width: 1440, height: 1000, deviceScaleFactor: ratio, mobile: false });
    // An emulated screen changes without a word; a real one tells whoever asked for the ratio before.
    await page.evaluate(() => window.asked.at(-1).dispatchEvent(new Event("change")));
    await expect.poll(async () => Math.max(...(await blur(page))), `${ratio} device pixels a pixel`).toBeLessThanOrEqual(0.5);
    expect(await page.evaluate(() => [devicePixelRatio, window.asked.at(-1).media])).toEqual([ratio, `(resolution: ${ratio}dppx)`]);
  }
});

test("the handles stay on their policies when the window changes", async ({ page }) => {
  await open(page);
  // π* = (0.6, 0.3, 0.1): the triangle is centred, so the star is this share of its side from the middle of the canvas.
  const off = () =>
    page.evaluate(() => {
      const [canvas, star, ring] = [".triangle canvas", ".handle.star", ".handle.ref"].map((s) => document.querySelector(s).getBoundingClientRect());
      const middle = (r) => [r.x + r.width / 2, r.y + r.height / 2];
      const [[cx], [sx, sy], [rx, ry]] = [canvas, star, ring].map(middle);
      const side = (ry - sy) / (Math.sqrt(0.75) * (0.6 - 0.4));
      return [sx - cx - side * (0.3 + 0.3 - 0.5), rx - cx - side * (0.4 + 0.2 - 0.5)].map(Math.abs);
    });
  for (const width of [1440, 400, 2000]) {
    await page.setViewportSize({ width, height: 900 });
    await expect.poll(async () => Math.max(...(await off()))).toBeLessThan(0.5);
  }
});

/** What of one colour a canvas shows within some CSS pixels of a place in the window: where its middle is, and how large it is. */
const spot = (page, canvas, { x, y }, half, [r, g, b]) =>
  page.evaluate(
    ([canvas, x, y, half, colour]) => {
      const [element, size] = [document.querySelector(canvas), Math.round(2 * half * devicePixelRatio)];
      const at = element.getBoundingClientRect();
      const scratch = new OffscreenCanvas(size, size).getContext("2d", { willReadFrequently: true });
      scratch.drawImage(element, -(x - half - at.x) * devicePixelRatio, -(y - half - at.y) * devicePixelRatio);
      const { data } = scratch.getImageData(0, 0, size, size);
      const found = [...Array(size * size).keys()].filter((k) => Math.max(...colour.map((c, i) => Math.abs(c - data[4 * k + i]))) < 40);
      const middle = (of) => found.reduce((sum, k) => sum + of(k) + 0.5, 0) / found.length / devicePixelRatio - half;
      return { x: x + middle((k) => k % size), y: y + middle((k) => Math.floor(k / size)), area: found.length / devicePixelRatio ** 2 };
    },
    [canvas, x, y, half, [r, g, b]],
  );
const INK = [27, 28, 30];
const DPO = [11, 102, 178];

for (const ratio of [1, 2, 3]) {
  test.describe(() => {
    test.use({ deviceScaleFactor: ratio });

    test(`at pixel ratio ${ratio} the handles are taken where they are drawn, and a curve is read where it is drawn`, async ({ page }) => {
      // Before a prediction the triangle holds the ring and the star alone.
      await open(page, "story=1");
      await settled(page);
      const middle = async (handle) => {
        const box = await page.locator(handle).boundingBox();
        return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      };
      const drawn = async (handle) => spot(page, ".triangle canvas", await middle(handle), 15, INK);
      for (const [handle, area] of [[".handle.ref", 60], [".handle.star", 120]]) {
        const [at, shown] = [await middle(handle), await drawn(handle)];
        expect(shown.area, handle).toBeGreaterThan(area);
        expect(Math.hypot(shown.x - at.x, shown.y - at.y), handle).toBeLessThan(0.7);
      }

      const from = await drawn(".handle.star");
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move(from.x - 60, from.y + 90, { steps: 5 });
      await page.mouse.up();
      await settled(page);
      const to = await spot(page, ".triangle canvas", { x: from.x - 60, y: from.y + 90 }, 15, INK);
      expect(to.area).toBeGreaterThan(120);
      expect(Math.hypot(to.x - from.x + 60, to.y - from.y - 90)).toBeLessThan(0.7);

      await press(page, "Close the tour");
      await settled(page);
      const figure = await page.locator(".curves canvas").first().boundingBox();
      const pointer = { x: figure.x + figure.width / 2, y: figure.y + 60 };
      await page.mouse.move(pointer.x, pointer.y);
      const tip = page.locator(".curves .tip:not(:empty)");
      await expect(tip).toHaveText(/^DPO, step \d+: π\(y_[abc]\) = 0\.\d+$/);
      const [, step, action, value] = /step (\d+): π\(y_(.)\) = (.+)$/.exec(await tip.textContent());
      const { steps, prompts } = lab("train", await specOf(page)).runs.find((r) => r.loss === "dpo");
      expect(Math.abs(Number(value) - prompts[0].pi[steps.indexOf(Number(step))]["abc".indexOf(action)])).toBeLessThan(1e-3);
      // The value stands in the middle above its point, by half the text's own height.
      const box = await tip.boundingBox();
      const point = { x: box.x + box.width / 2, y: box.y + 1.5 * box.height };
      expect(Math.abs(point.x - pointer.x)).toBeLessThan(3);
      await expect.poll(async () => (await spot(page, ".curves canvas", point, 2.5, DPO)).area).toBeGreaterThan(1);
    });
  });
}
