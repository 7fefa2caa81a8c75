// The closing summary: how many passed, how long it took, and the numbers that tests noted.
import { relative } from "node:path";

export default class Summary {
  #files = new Map();
  #notes = [];

  onTestEnd(test, result) {
    const name = relative(import.meta.dirname, test.location.file);
    const tally = this.#files.get(name) ?? { passed: 0, failed: 0, secs: 0 };
    tally[result.status === "passed" ? "passed" : "failed"] += 1;
    tally.secs += result.duration / 1000;
    this.#files.set(name, tally);
    for (const { type, description } of test.annotations) {
      if (type === "measured") this.#notes.push(`  ${description}`);
    }
  }

  onEnd(result) {
    console.log(`\nBrowser tests: ${result.status} in ${(result.duration / 1000).toFixed(0)} s`);
    for (const [name, { passed, failed, secs }] of [...this.#files].sort()) {
      console.log(`  ${name.padEnd(22)} ${String(passed).padStart(3)} passed ${String(failed).padStart(3)} failed ${secs.toFixed(1).padStart(6)} s`);
    }
    if (this.#notes.length > 0) console.log(["Measured", ...this.#notes.sort()].join("\n"));
  }

  printsToStdio() {
    return false;
  }
}
