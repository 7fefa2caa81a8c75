// A control's test as a row of a table: what a reader does, what the experiment then is, and which figures must follow.
import { compare, compareCurves, compareVerdicts, expect, press, settled, specOf, test, type } from "./helpers.mjs";

/** All numbers of a view with a table of verdicts. */
async function compareAll(page, name) {
  await compare(page, name);
  await compareCurves(page);
  await compareVerdicts(page);
}

/**
 * Every canvas with what it shows, by its place, its kind, and its section or prompt where it stands in one ("0 triangle",
 * "2 s-arrows", "5 learning bad prompt"). Nothing is pointed at or focused, which would bring a loss forward.
 */
async function drawn(page) {
  await page.mouse.move(2, 2);
  return page.evaluate(async () => {
    document.activeElement.blur();
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    const place = (c) => [c.closest(".shape")?.getAttribute("aria-labelledby"), c.closest(".prompt")?.getAttribute("aria-label")];
    const name = (c, k) => [String(k), c.dataset.figure, ...place(c)].filter(Boolean).join(" ");
    return Object.fromEntries([...document.querySelectorAll("canvas")].map((c, k) => [name(c, k), c.toDataURL()]));
  });
}

/** The same once all has settled. */
export async function pictures(page) {
  await settled(page);
  return drawn(page);
}

/** The figures that are the same in both, by name. */
export const alike = (before, after) => Object.keys(after).filter((key) => after[key] === before[key]);

/**
 * Does something, waits until all has settled, sees every figure changed that must: all of them, or those with one of these
 * words in their name; and compares every number on the page with the headless program's.
 */
export async function changes(page, name, act, figures, numbers = compareAll) {
  const before = await drawn(page);
  await act();
  const after = await pictures(page);
  const must = (key) => !figures || figures.some((word) => key.split(" ").includes(word));
  expect(Object.keys(after).some(must) || figures?.length === 0, `${name} has figures to change`).toBe(true);
  expect(alike(before, after).filter(must), `${name} changes its figures`).toEqual([]);
  await numbers(page, name);
  return specOf(page);
}

/** A row; `check` is given the experiment after and before; all figures must follow where none are named. */
export const row = (name, act, check, figures) => ({ name, act, check, figures });

/** What is read of the experiment is this now, and was not. */
export const becomes = (read, value) => (after, before) => {
  expect(read(after)).toEqual(value);
  expect(read(before)).not.toEqual(value);
};

/** The experiment is what it was. */
export const same = (after, before) => expect(after).toEqual(before);

export const pressed = (name, read, value, figures) => row(name, (page) => press(page, name), becomes(read, value), figures);
export const typed = (label, text, read, figures) => row(label, (page) => type(page, label, text), becomes(read, Number(text)), figures);
export const chosen = (list, label, read, value, figures) => row(`${list}: ${label}`, (page) => page.locator(list).selectOption({ label }), becomes(read, value), figures);

/** Uses controls one after the other: each must do what its row says. */
export async function useEach(page, rows, numbers) {
  for (const { name, act, check, figures } of rows) {
    await test.step(name, async () => {
      const before = await specOf(page);
      check(await changes(page, name, () => act(page), figures, numbers), before);
    });
  }
}
