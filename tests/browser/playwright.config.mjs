// Tests of the built page in headless Chromium. Nothing is retried: a test that fails now and then is a fault.
//
// TYPO_LAB_DIST: the built page (../../dist). TYPO_LAB_BIN: the headless program (../../target/release/typo-lab).
// CHROMIUM: the browser (/usr/bin/chromium).
import { defineConfig } from "@playwright/test";

const QUIET = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export default defineConfig({
  testDir: ".",
  outputDir: "test-results",
  snapshotPathTemplate: "looks/{arg}{ext}",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: true,
  // These catch what never comes. They are far beyond what anything takes, so that a busy machine trips over none of them.
  timeout: 240_000,
  expect: { timeout: 40_000 },
  projects: [
    { name: "page", testIgnore: "soak.spec.mjs" },
    // Alone, after all others: it keeps both cores busy, and its memory is measured. By itself: --no-deps soak.
    { name: "soak", testMatch: "soak.spec.mjs", dependencies: ["page"] },
  ],
  reporter: [["list"], ["./summary.mjs"]],
  webServer: {
    command: "node server.mjs",
    // The server takes a free port and names it; helpers.mjs reads it from the environment.
    wait: { stdout: /on port (?<typo_lab_port>\d+)/ },
    timeout: 120_000,
  },
  use: {
    browserName: "chromium",
    headless: true,
    // A page that is kept for use offline asks the network for nothing; tests that break the network's answers need it to.
    serviceWorkers: "block",
    viewport: { width: 1440, height: 1000 },
    // Still by default, so that a test sees the end of a run at once; what plays asks for it.
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", ...QUIET] },
  },
});
