// A static page under any folder, that asks nobody and breaks politely.
import { compareExact, expect, minimisers, nats, notice, open, settled, specOf, test, type } from "./helpers.mjs";

test("the page works from a folder, asks only its own origin, and reports no violation of its policy", async ({ page, baseURL }) => {
  const asked = [];
  page.on("request", (r) => asked.push(r.url()));
  page.on("response", (r) => expect(r.status()).toBe(200));
  await open(page);
  await settled(page);
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.filter((url) => !url.startsWith(baseURL))).toEqual([]);
});

test("the content-security-policy allows nothing inline, and no evaluation of text", async ({ page, expected }) => {
  expected.push(/Content Security Policy|CSP: script-src/);
  await open(page);
  const policy = await page.locator("meta[http-equiv=Content-Security-Policy]").getAttribute("content");
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/'unsafe-inline'|'unsafe-eval'|'unsafe-hashes'|https?:|\*/);
  expect(await page.evaluate(() => document.querySelectorAll("script:not([src]), style").length)).toBe(0);
  const ran = await page.evaluate(
    () =>
      new Promise((done) => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        addEventListener("securitypolicyviolation", () => done(window.ran ?? false), { once: true });
        document.head.append(script);
      }),
  );
  expect(ran).toBe(false);
});

for (const file of ["solver_worker_loader.js", "solver_worker.js", "solver_worker_bg.wasm"]) {
  test(`without ${file} a message is shown, and the exact results still work`, async ({ page, context, expected }) => {
    expected.push(/ERR_FAILED/, /Failed to fetch/);
    await context.route(`**/${file}*`, (route) => route.abort());
    await open(page);
    await expect(notice(page)).toHaveText(/^The solver could not start, so training runs are not shown; exact results still are\./);
    await type(page, "λ", "0.3");
    await page.locator(".handle.star").focus();
    await page.keyboard.press("ArrowDown");
    await settled(page, { run: false });
    const spec = await specOf(page);
    expect(spec.losses[0].lambda).toBe(0.3);
    compareExact(spec, await minimisers(page), await nats(page));
  });
}

test("a solver of another build is told apart: a message is shown, and the exact results still work", async ({ page, context }) => {
  await context.route("**/solver_worker_loader.js*", (route) =>
    route.fulfill({ contentType: "text/javascript", body: `postMessage([JSON.stringify({ Ready: { version: "another" } })]);` }),
  );
  await open(page);
  await expect(notice(page)).toHaveText("The page was updated while it was open. Reload it to train again.");
  await type(page, "λ", "0.3");
  await settled(page, { run: false });
  const spec = await specOf(page);
  expect(spec.losses[0].lambda).toBe(0.3);
  compareExact(spec, await minimisers(page), await nats(page));
});

test("the solver's files are asked for by their build", async ({ page }) => {
  const asked = [];
  page.on("request", (r) => r.url().includes("solver_worker") && asked.push(new URL(r.url())));
  await open(page);
  await settled(page);
  expect(asked.map((url) => url.pathname.split("/").at(-1))).toEqual(["solver_worker_loader.js", "solver_worker.js", "solver_worker_bg.wasm"]);
  for (const url of asked) expect(url.search).toMatch(/^\?v=[0-9a-f]{16}$/);
  expect(new Set(asked.map((url) => url.search)).size).toBe(1);
});

const still = async (page) => {
  await expect(page.locator(".still")).toBeVisible();
  expect(await page.locator(".still").evaluate((i) => i.complete && i.naturalWidth > 0)).toBe(true);
};

test("without WebAssembly a message stands beside the still", async ({ page, context }) => {
  await context.addInitScript(() => delete window.WebAssembly);
  await page.goto("./");
  await expect(page.locator("#trouble")).toContainText("need WebAssembly");
  await still(page);
});

test("without canvases a message stands beside the still", async ({ page, context }) => {
  await context.addInitScript(() => {
    HTMLCanvasElement.prototype.getContext = () => null;
  });
  await page.goto("./");
  await expect(page.locator("#trouble")).toContainText("drawn on canvases");
  await still(page);
});

for (const file of ["app.js", "app_bg.wasm"]) {
  test(`without ${file} a message stands beside the still`, async ({ page, context, expected }) => {
    expected.push(/ERR_FAILED/, /Failed to fetch/);
    await context.route(`**/${file}`, (route) => route.abort());
    await page.goto("./");
    await expect(page.locator("#trouble")).toContainText("could not start");
    await still(page);
  });
}

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("the still and a sentence are shown", async ({ page, expected }) => {
    expected.push(/preloaded using link preload but not used/);
    await page.goto("./");
    await expect(page.locator("noscript p")).toBeVisible();
    await expect(page.locator(".still")).toBeVisible();
  });
});

test("the page has a card, a manifest with icons, and a description", async ({ page, baseURL }) => {
  await open(page);
  const content = (name) => page.locator(`meta[property="${name}"], meta[name="${name}"]`).first().getAttribute("content");
  for (const name of ["og:title", "og:description", "og:image:alt", "description"]) expect((await content(name)).length).toBeGreaterThan(20);
  const size = async (address) => {
    const bytes = await (await page.request.get(new URL(address, baseURL).href)).body();
    return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  };
  expect(await size(await content("og:image"))).toEqual([1200, 630]);
  const manifest = await page.locator("link[rel=manifest]").getAttribute("href");
  const { icons, start_url: start } = await (await page.request.get(new URL(manifest, baseURL).href)).json();
  expect(new URL(start, new URL(manifest, baseURL)).href).toBe(baseURL);
  for (const icon of icons.filter((i) => i.type === "image/png")) expect((await size(`static/${icon.src}`)).join("x")).toBe(icon.sizes);
});
