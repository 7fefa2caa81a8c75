// The closing summary: what tests measured, how many passed and how long it took, and, last, what failed: of a long log the
// end is read first.
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** Lines of an error that are shown: its sentence, and what was expected and came. The whole of it stands further up. */
const LINES = 6;
const WIDTH = 200;

const short = (error) => {
  const lines = stripVTControlCharacters(error.message ?? String(error.value)).split("\n").filter((line) => line.trim() !== "");
  return lines.slice(0, LINES).map((line) => `      ${line.slice(0, WIDTH)}`).join("\n");
};

const place = (location) => (location ? `${relative(import.meta.dirname, location.file)}:${location.line}` : "");

export default class Summary {
  #files = new Map();
  #notes = [];
  #failures = [];
  #good = 0;

  onTestEnd(test, result) {
    const name = relative(import.meta.dirname, test.location.file);
    const tally = this.#files.get(name) ?? { good: 0, bad: 0, secs: 0 };
    this.#files.set(name, tally);
    tally.secs += result.duration / 1000;
    for (const { type, description } of test.annotations) {
      if (type === "measured") this.#notes.push(`  ${description}`);
    }
    if (test.ok()) {
      tally.good += 1;
      this.#good += 1;
    } else {
      tally.bad += 1;
      const errors = result.errors.length > 0 ? result.errors.map(short) : [`      ${result.status}`];
      this.#failures.push(`  ${place(test.location)} ${test.title} (${(result.duration / 1000).toFixed(0)} s)\n${errors.join("\n")}`);
    }
  }

  /** What goes wrong outside of every test: a server that does not start, a file that cannot be read. */
  onError(error) {
    this.#failures.push(`  ${place(error.location)} outside of every test\n${short(error)}`);
  }

  onEnd({ status, duration }) {
    if (this.#notes.length > 0) console.log(["\nMeasured", ...this.#notes.sort()].join("\n"));
    console.log("\nBy file");
    for (const [name, { good, bad, secs }] of [...this.#files].sort()) {
      // Not in the words of Playwright's own total, which whoever adds up tests looks for.
      console.log(`  ${name.padEnd(22)} ${String(good).padStart(3)} good ${String(bad).padStart(3)} bad ${secs.toFixed(1).padStart(6)} s`);
    }
    if (this.#failures.length > 0) console.log(["\nWhat failed", ...this.#failures].join("\n"));
    console.log(`\nBrowser tests: ${status} in ${(duration / 1000).toFixed(0)} s, ${this.#good} good, ${this.#failures.length} bad`);
  }

  printsToStdio() {
    return false;
  }
}
