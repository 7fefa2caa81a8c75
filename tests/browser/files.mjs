// What the dialog saves, fetched and read, and what the headless program prints for the same experiment.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { PROGRAM, TRAINED, expect, specOf } from "./helpers.mjs";

/** What the headless program prints for an experiment, as text. */
export const printed = (args, spec) => execFileSync(PROGRAM, args, { input: JSON.stringify(spec), maxBuffer: 1 << 28, encoding: "utf8" });

export const dialog = (page) => page.getByRole("dialog", { name: "Export and share" });

/** Opens the dialog. */
export async function share(page) {
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await expect(dialog(page)).toBeVisible();
}

/** Presses a file's button; gives the file's name and bytes. */
export async function saved(page, title) {
  const [download] = await Promise.all([page.waitForEvent("download"), dialog(page).getByRole("button", { name: title, exact: true }).click()]);
  await expect(dialog(page).getByRole("status")).toHaveText(`Saved as ${download.suggestedFilename()}.`);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

export const rows = (csv) => csv.trimEnd().split("\n").map((line) => line.split(","));

/** Two tables: the same words and, within a tolerance, the same numbers. Infinity is written inf. */
export function expectSameTable(csv, other, tolerance) {
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

/** Saves both tables of numbers, each the headless program's for the experiment on the page; gives their lines as objects. */
export async function savedTables(page) {
  const spec = await specOf(page);
  const table = async (title, command, tolerance) => {
    const text = (await saved(page, title)).bytes.toString();
    expectSameTable(text, printed([command, "-", "--format", "csv"], spec), tolerance);
    const [head, ...lines] = rows(text);
    return lines.map((line) => Object.fromEntries(head.map((name, k) => [name, line[k]])));
  };
  return {
    runs: await table("Training runs, CSV", "train", TRAINED),
    // Distances amplify a probability's last digits where it is small; all else is within SPEC.md's 1e-9.
    curves: await table("Exact curves, CSV", "sweep", 1e-6),
  };
}
