// What leaves the page is what the headless program prints for the same experiment.
import AxeBuilder from "@axe-core/playwright";

import { dialog, printed, rows, saved, savedTables, share } from "./files.mjs";
import { VIEWS as SHEETS, dragBy, expect, note, open, settled, specOf, test, type } from "./helpers.mjs";

const VIEWS = {
  "the interpolation view": "lambda=0.2",
  "the preservation view": "view=preservation&preset=figure-3-preservation",
  "the constraints view": "view=constraints&preset=figure-3-constraint&weight_decay.alpha=0.01",
  "counts and a loss of one's own": `preset=one-label&losses=${encodeURIComponent('[{"kind":"qpo","psi":"hinge","mu":"log","lambda":0.5},{"kind":"typo","lambda":0.1}]')}`,
  "sampled pairs of an oddly named prompt": `preset=figure-2-sampled&prompts.0.name=${encodeURIComponent("it's '''odd'''")}`,
};

for (const [name, fragment] of Object.entries(VIEWS)) {
  test(`the files of ${name} are what the headless program prints`, async ({ page }) => {
    await open(page, fragment);
    await settled(page);
    const spec = await specOf(page);
    await share(page);

    const json = await saved(page, "Experiment, JSON");
    expect(json.name).toMatch(/^typo-lab-[a-z]+\.json$/);
    expect(JSON.parse(json.bytes)).toEqual(spec);

    await savedTables(page);

    const script = (await saved(page, "PyTorch script")).bytes.toString();
    expect(script).toBe(printed(["script", "-"], JSON.parse(json.bytes)));
    expect(script).toContain("import torch");

    const cited = (await saved(page, "BibTeX")).bytes.toString();
    expect(cited).toContain("@article{hu2024new");
    expect(cited).toContain("@software{typo_lab");
  });
}

test("the files of the shapes view hold its titles, and the numbers of its own figures", async ({ page }) => {
  await open(page, "view=shapes&lambda=0.5&gamma=0.25");
  await settled(page);
  await share(page);
  const svg = (await saved(page, "Figures, SVG")).bytes.toString();
  for (const title of ["TYPO pulls twice: by the labels, and to the reference", "supervised part, (16)", "Two Gaussians that share a variance are DPO"]) {
    expect(svg.replaceAll(/\s+/g, " ")).toContain(title);
  }
  const { name, bytes } = await saved(page, "Exact curves, CSV");
  expect(name).toBe("typo-lab-shapes-curves.csv");
  const [head, ...all] = rows(bytes.toString());
  expect(head).toEqual(["figure", "curve", "along", "x", "value"]);
  const value = (figure, curve, x) => {
    const found = all.filter((r) => r[0] === figure && r[1] === curve && Number(r[3]) === x);
    expect(found.length, `${figure}, ${curve} at ${x}`).toBe(1);
    return Number(found[0][4]);
  };
  expect(value("psi", "DPO", 12)).toBeCloseTo(Math.log1p(Math.exp(-6)) / Math.log(2), 12);
  expect(value("psi", "IPO", 0)).toBe(1);
  expect(value("slope of psi", "hinge", 0)).toBeCloseTo(0.5, 12);
  expect(value("penalty", "gamma = 0.25", 0.5)).toBeCloseTo(Math.log(3) / Math.log(5), 12);
  for (const odds of [-10, 0, 10]) expect(value("two Gaussians", "best variance", odds)).toBeCloseTo(value("two Gaussians", "DPO", odds), 10);
  const lines = all.filter((r) => r[0].startsWith("total variation"));
  expect(new Set(lines.map((r) => r[1]))).toEqual(new Set(["RLHF", "DPO", "IPO", "f-DPO", "TYPO"]));
  expect(lines.filter((r) => r[1] === "DPO").every((r) => Number(r[4]) < 1e-9)).toBe(true);
  // Three triangles of 36 arrows, three numbers each.
  expect(bytes.toString().split("\n").filter((line) => line.startsWith("arrows of TYPO,")).length).toBe(3 * 36 * 3);
});

/**
 * A PNG beside the drawing that the browser makes of an SVG at twice its size, by pixels: how far they are apart on average, and in the
 * worst square of 32 pixels that holds no text, as shares of black against white; the PNG's corner, and the share of it that is drawn on.
 */
const beside = (page, png, svg) => {
  const drawing = (text) => [`data:image/svg+xml;base64,${Buffer.from(text).toString("base64")}`, 2];
  const sources = [[`data:image/png;base64,${png.toString("base64")}`, 1], drawing(svg), drawing(svg.replaceAll(/<text[^]*?<\/text>/g, ""))];
  return page.evaluate(async (sources) => {
    const read = async ([source, scale]) => {
      const image = Object.assign(new Image(), { src: source });
      await image.decode();
      const size = [image.naturalWidth * scale, image.naturalHeight * scale];
      const context = new OffscreenCanvas(...size).getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0, ...size);
      return context.getImageData(0, 0, ...size);
    };
    const [saved, drawn, wordless] = await Promise.all(sources.map(read));
    const { data, width, height } = saved;
    const across = Math.ceil(width / 32);
    const [off, words] = [0, 1].map(() => new Float64Array(across * Math.ceil(height / 32)));
    let ink = 0;
    const apart = (a, b, k) => (Math.abs(a[k] - b[k]) + Math.abs(a[k + 1] - b[k + 1]) + Math.abs(a[k + 2] - b[k + 2])) / 765;
    for (let k = 0; k < data.length; k += 4) {
      const square = (((k >> 2) % width) >> 5) + across * (Math.floor(k / 4 / width) >> 5);
      off[square] += apart(data, drawn.data, k);
      words[square] += apart(drawn.data, wordless.data, k);
      ink += data[k] !== data[0] || data[k + 1] !== data[1];
    }
    const pixels = width * height;
    // A word's edge may lie in the next square.
    const hasWords = (k) => [-1, 0, 1].some((row) => [-1, 0, 1].some((column) => words[k + row * across + column] > 0));
    const worst = off.reduce((most, sum, k) => (hasWords(k) ? most : Math.max(most, sum / 1024)), 0);
    return { sizes: [saved, drawn].map((p) => [p.width, p.height]), mean: off.reduce((a, b) => a + b) / pixels, worst, corner: [...data.slice(0, 3)], ink: ink / pixels };
  }, sources);
};

/** Text is placed and smoothed otherwise: of it only the whole tells. Of a curve that is missing, a square has 0.04 at the least. */
const APART = { mean: 0.004, worst: 0.015 };

for (const [scheme, paper, views] of [["light", [252, 251, 248], Object.keys(SHEETS)], ["dark", [18, 20, 22], ["interpolation"]]]) {
  for (const view of views) {
    test.describe(() => {
      test.use({ colorScheme: scheme });

      test(`the PNG is the SVG's sheet at twice its size, ${view}, ${scheme}`, async ({ page }) => {
        await open(page, SHEETS[view]);
        await settled(page);
        await share(page);
        const svg = (await saved(page, "Figures, SVG")).bytes.toString();
        const { name, bytes } = await saved(page, "Figures, PNG");
        expect(name).toBe(`typo-lab-${view}.png`);
        // In an empty page: the policy of this one lets no picture in.
        const { sizes, mean, worst, corner, ink } = await beside(await page.context().newPage(), bytes, svg);
        const [, ...size] = svg.match(/^<svg width="(\d+)" height="(\d+)"/).map(Number);
        expect(sizes).toEqual(Array(2).fill(size.map((s) => 2 * s)));
        expect(size[0]).toBeGreaterThan(600);
        expect(corner).toEqual(paper);
        expect(ink).toBeGreaterThan(0.01);
        note(`PNG of ${view}, ${scheme}`.padEnd(32) + ` ${mean.toFixed(4)} from the SVG, at most ${worst.toFixed(4)} in a square without text`);
        expect(mean).toBeLessThan(APART.mean);
        expect(worst).toBeLessThan(APART.worst);
      });
    });
  }
}

test.describe("copying", () => {
  test.use({ permissions: ["clipboard-read", "clipboard-write"] });
  const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

  test("the link opens the same experiment elsewhere", async ({ page, elsewhere }) => {
    await open(page);
    await dragBy(page, ".handle.star", -50, 40);
    await type(page, "λ", "0.07");
    await settled(page);
    await share(page);
    await dialog(page).getByRole("button", { name: "Copy: Link to what is on screen" }).click();
    await expect(dialog(page).getByRole("status")).toHaveText("Link to what is on screen: copied.");
    const link = await clipboard(page);
    expect(link).toBe(page.url());
    const other = await elsewhere();
    await other.goto(link);
    await settled(other);
    expect(await specOf(other)).toEqual(await specOf(page));
  });

  test("the frame's HTML asks for what was chosen and holds the experiment", async ({ page }) => {
    await open(page, "view=preservation&preset=figure-3-preservation&lambda=0.3");
    await settled(page);
    await share(page);
    const box = dialog(page);
    await box.getByLabel("Figures").selectOption("learning");
    await box.getByLabel("Theme").selectOption("dark");
    await box.getByLabel("Text").selectOption("1.25 ×");
    await box.getByLabel("Height, px").fill("500");
    await box.getByLabel("weight decay").check();
    await box.getByRole("button", { name: "Copy: HTML of the frame" }).click();
    await expect(box.getByRole("status")).toHaveText("HTML of the frame: copied.");
    const html = await clipboard(page);
    const frame = await page.evaluate((text) => {
      const made = new DOMParser().parseFromString(text, "text/html").body.children;
      const [only] = made;
      return { count: made.length, tag: only.tagName, src: only.src, title: only.title, height: only.height };
    }, html);
    expect([frame.count, frame.tag, frame.title, frame.height]).toEqual([1, "IFRAME", "TYPO Lab: Preservation", "500"]);
    const src = new URL(frame.src);
    const here = new URL(page.url());
    expect([src.origin, src.pathname, src.hash]).toEqual([here.origin, here.pathname, here.hash]);
    expect(Object.fromEntries(src.searchParams)).toEqual({ embed: "1", view: "preservation", figure: "learning", controls: "lambda,alpha", theme: "dark", size: "1.25" });

    // Another view's frame holds that view's own experiment.
    await box.getByLabel("View").selectOption("Constraints");
    await expect(box.getByLabel("HTML of the frame", { exact: true })).toHaveValue(/view=constraints&amp;.*#preset=figure-3-constraint&amp;weight_decay\.alpha=0\.01"/);

    // A view's list has the figures that the view has, whatever was picked in another's.
    for (const figure of ["curves", "all of them", "curves"]) await box.getByLabel("Figures").selectOption(figure);
    await box.getByLabel("View").selectOption("Loss shapes");
    await expect(box.getByLabel("Figures").locator("option")).toHaveText(["all of them", "psi", "arrows", "penalty", "gaussians", "one-label"]);
    await expect(box.getByLabel("Figures").locator("option:checked")).toHaveText("all of them");
    await box.getByLabel("Figures").selectOption("one-label");
    await expect(box.getByLabel("HTML of the frame", { exact: true })).toHaveValue(/view=shapes&amp;figure=one-label&amp;/);
  });

  test("BibTeX names the paper's authors", async ({ page }) => {
    await open(page);
    await share(page);
    await dialog(page).getByRole("button", { name: "Copy: BibTeX" }).click();
    await expect(dialog(page).getByRole("status")).toHaveText("BibTeX: copied.");
    expect(await clipboard(page)).toContain("author  = {Hu, Xiangkun and He, Tong and Wipf, David}");
  });
});

test("without a clipboard the text is selected and the keys are named", async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined }));
  await open(page);
  await share(page);
  await dialog(page).getByRole("button", { name: "Copy: BibTeX" }).click();
  await expect(dialog(page).getByRole("status")).toContainText("press Ctrl+C or ⌘C");
  const [selected, all] = await page.locator("#share-cite").evaluate((a) => [a.value.slice(a.selectionStart, a.selectionEnd), a.value]);
  expect(selected).toBe(all);
});

test("the dialog opens, keeps the focus and closes by keyboard", async ({ page }) => {
  await open(page);
  const button = page.getByRole("button", { name: "Share", exact: true });
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(dialog(page)).toBeVisible();
  // Past the last control the browser's own bars come, where activeElement is the body; never the page behind.
  for (let k = 0; k < 40; k++) {
    await page.keyboard.press("Tab");
    const place = await page.evaluate(() => (document.activeElement === document.body ? "outside" : document.activeElement.closest("dialog") ? "dialog" : "page"));
    expect(place).not.toBe("page");
  }
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toBeHidden();
  await expect(button).toBeFocused();
  await page.keyboard.press("Enter");
  await dialog(page).getByRole("button", { name: "Close" }).click();
  await expect(dialog(page)).toBeHidden();
  await button.click();
  await page.mouse.click(5, 500);
  await expect(dialog(page)).toBeHidden();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1440]) {
    test.describe(() => {
      test.use({ colorScheme, viewport: { width, height: 900 } });

      test(`axe finds nothing in the dialog, ${colorScheme}, ${width} px wide, and nothing is cut off`, async ({ page }) => {
        await open(page);
        await settled(page);
        await share(page);
        for (const contrast of ["no-preference", "more"]) {
          await page.emulateMedia({ contrast });
          const { violations } = await new AxeBuilder({ page }).include("dialog").analyze();
          expect(violations.map((v) => ({ contrast, id: v.id, where: v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`) }))).toEqual([]);
        }
        const wide = await page.evaluate(() => [...document.querySelectorAll("dialog, dialog *")].filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && e.tagName !== "TEXTAREA").map((e) => e.className || e.tagName));
        expect(wide).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
        const small = await page.locator("dialog").evaluate((d) => [...d.querySelectorAll("button, select, input[type=number], label.member")].filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.textContent));
        expect(small).toEqual([]);
      });
    });
  }
}
