// Tests of the built page in headless Chromium. Nothing is retried: a test that fails now and then is a fault.
//
// TYPO_LAB_DIST: the built page (../../dist). TYPO_LAB_BIN: the headless program (../../target/release/typo-lab).
// CHROMIUM: the browser (/usr/bin/chromium).
import { defineConfig } from "@playwright/test";

const QUIET = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export default defineConfig({
  testDir: ".",
  outputDir: "test-results",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"], ["./summary.mjs"]],
  webServer: {
    command: "node server.mjs",
    // The server takes a free port and names it; helpers.mjs reads it from the environment.
    wait: { stdout: /on port (?<typo_lab_port>\d+)/ },
  },
  use: {
    browserName: "chromium",
    headless: true,
    viewport: { width: 1440, height: 1000 },
    // Still by default, so that a test sees the end of a run at once; what plays asks for it.
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", ...QUIET] },
  },
});
