// What leaves the page is what the headless program prints for the same experiment.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import AxeBuilder from "@axe-core/playwright";

import { dragBy, expect, open, settled, specOf, test, type } from "./helpers.mjs";

const PROGRAM = resolve(import.meta.dirname, process.env.TYPO_LAB_BIN ?? "../../target/release/typo-lab");

/** What the headless program prints for an experiment, as text. */
const printed = (args, spec) => execFileSync(PROGRAM, args, { input: JSON.stringify(spec), maxBuffer: 1 << 28, encoding: "utf8" });

/** Training runs agree with the headless program's to this, as in helpers.mjs. */
const TRAINED = 1e-9;

const dialog = (page) => page.getByRole("dialog", { name: "Export and share" });

async function share(page) {
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await expect(dialog(page)).toBeVisible();
}

/** Presses a file's button; gives the file's name and bytes. */
async function saved(page, title) {
  const [download] = await Promise.all([page.waitForEvent("download"), dialog(page).getByRole("button", { name: title, exact: true }).click()]);
  await expect(dialog(page).getByRole("status")).toHaveText(`Saved as ${download.suggestedFilename()}.`);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

const rows = (csv) => csv.trimEnd().split("\n").map((line) => line.split(","));

/** Two tables: the same words and, within a tolerance, the same numbers. Infinity is written inf. */
function expectSameTable(csv, other, tolerance) {
  const [a, b] = [rows(csv), rows(other)];
  expect(a.length).toBeGreaterThan(2);
  expect([a[0], a.length]).toEqual([b[0], b.length]);
  // One expectation for all cells: each is a step of the report, and a table has thousands.
  const wrong = [];
  let most = 0;
  a.forEach((row, k) => {
    if (row.length !== b[k].length) wrong.push(`line ${k + 1}: ${row.length} and ${b[k].length} cells`);
    row.forEach((cell, c) => {
      if (cell === b[k][c]) return;
      const [x, y] = [Number(cell), Number(b[k][c])];
      if (Number.isFinite(x) && Number.isFinite(y)) most = Math.max(most, Math.abs(x - y) / Math.max(1, Math.abs(y)));
      else wrong.push(`line ${k + 1}: ${cell} and ${b[k][c]}`);
    });
  });
  expect(wrong).toEqual([]);
  expect(most).toBeLessThan(tolerance);
}

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

    const runs = (await saved(page, "Training runs, CSV")).bytes.toString();
    expectSameTable(runs, printed(["train", "-", "--format", "csv"], spec), TRAINED);
    const curves = (await saved(page, "Exact curves, CSV")).bytes.toString();
    // Distances amplify a probability's last digits where it is small; all else is within SPEC.md's 1e-9.
    expectSameTable(curves, printed(["sweep", "-", "--format", "csv"], spec), 1e-6);

    const script = (await saved(page, "PyTorch script")).bytes.toString();
    expect(script).toBe(printed(["script", "-"], JSON.parse(json.bytes)));
    expect(script).toContain("import torch");

    const cited = (await saved(page, "BibTeX")).bytes.toString();
    expect(cited).toContain("@article{hu2024new");
    expect(cited).toContain("@software{typo_lab");
  });
}

/** The largest residual of b as a straight line of a, by least squares. */
function residual(a, b) {
  const mean = (v) => v.reduce((s, x) => s + x, 0) / v.length;
  const [ma, mb] = [mean(a), mean(b)];
  const slope = a.reduce((s, x, k) => s + (x - ma) * (b[k] - mb), 0) / a.reduce((s, x) => s + (x - ma) ** 2, 0);
  return Math.max(...b.map((y, k) => Math.abs(y - mb - slope * (a[k] - ma))));
}

/** The drawing's polylines, each with its colour and points. */
const polylines = (page, svg) =>
  page.evaluate((text) => {
    const file = new DOMParser().parseFromString(text, "image/svg+xml");
    if (file.querySelector("parsererror")) throw new Error("not XML");
    return [...file.querySelectorAll("polyline")].map((line) => ({
      colour: line.getAttribute("stroke").toLowerCase(),
      points: line.getAttribute("points").trim().split(/\s+/).map((p) => p.split(",").map(Number)),
    }));
  }, svg);

test("the curves of the SVG are the numbers of the CSV", async ({ page }) => {
  await open(page, "lambda=0.2");
  await settled(page);
  await share(page);
  const svg = (await saved(page, "Figures, SVG")).bytes.toString();
  const typo = rows((await saved(page, "Training runs, CSV")).bytes.toString()).filter((r) => r[0] === "typo");
  const column = (k) => typo.map((r) => Number(r[k]));
  const off = (curve, k, coordinate) => residual(column(k), curve.points.map((p) => p[coordinate]));
  const drawn = (await polylines(page, svg)).filter((l) => l.colour === "#d1490c" && l.points.length === typo.length);
  // The triangle's path is as long, but does not run with the steps. Within a unit of the sheet, a sixteenth of a pixel.
  const curves = drawn.filter((curve) => off(curve, 3, 0) < 1);
  expect(curves.length, "a curve for each action").toBe(3);
  const matched = [6, 7, 8].map((k) => curves.findIndex((curve) => off(curve, k, 1) < 1));
  expect(matched.toSorted(), "each curve is one action's column").toEqual([0, 1, 2]);
  const heading = await page.getByRole("heading", { level: 1 }).textContent();
  expect(svg).toContain(heading);
  for (const loss of ["RLHF", "DPO", "IPO", "f-DPO", "TYPO"]) expect(svg).toContain(`\n${loss}\n`);
});

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

for (const [scheme, paper] of Object.entries({ light: [252, 251, 248], dark: [18, 20, 22] })) {
  test.describe(() => {
    test.use({ colorScheme: scheme });

    test(`the PNG is the SVG's sheet at twice its size, ${scheme}`, async ({ page }) => {
      await open(page, "view=preservation&preset=figure-3-preservation");
      await settled(page);
      await share(page);
      const svg = (await saved(page, "Figures, SVG")).bytes.toString();
      const { name, bytes } = await saved(page, "Figures, PNG");
      expect(name).toBe("typo-lab-preservation.png");
      expect(bytes.subarray(1, 4).toString()).toBe("PNG");
      const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
      const [, w, h] = svg.match(/^<svg width="(\d+)" height="(\d+)"/).map(Number);
      expect([width, height]).toEqual([2 * w, 2 * h]);
      expect(w).toBeGreaterThan(600);

      const drawn = await page.evaluate(async (base64) => {
        const image = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]));
        const context = new OffscreenCanvas(image.width, image.height).getContext("2d", { willReadFrequently: true });
        context.drawImage(image, 0, 0);
        const { data } = context.getImageData(0, 0, image.width, image.height);
        let other = 0;
        for (let k = 0; k < data.length; k += 4) other += data[k] !== data[0] || data[k + 1] !== data[1];
        return { corner: [...data.slice(0, 3)], ink: other / (data.length / 4) };
      }, bytes.toString("base64"));
      expect(drawn.corner).toEqual(paper);
      expect(drawn.ink).toBeGreaterThan(0.01);
    });
  });
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
