// Starts the page. What cannot start is told above the still, which stays.
function tell(sentence) {
  const place = document.getElementById("trouble");
  if (place) {
    place.textContent = sentence;
    place.hidden = false;
  }
}

// A program that panics has stopped for good; what it drew stays on screen.
addEventListener("error", ({ error }) => {
  if (typeof WebAssembly === "object" && error instanceof WebAssembly.RuntimeError) {
    tell("The page stopped because of a fault of its own. Reload it: the address still holds your experiment.");
  }
});

// Links within the page move the focus and nothing else: the address holds the experiment.
addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest('a[href="#main"]');
  const main = link && document.getElementById("main");
  if (!main) return;
  event.preventDefault();
  main.focus();
  main.scrollIntoView();
});

// Before the first paint, so that a frame does not show the whole page's head for a moment.
const embedded = new URLSearchParams(location.search).get("embed") === "1";
document.documentElement.toggleAttribute("data-embed", embedded);

if (typeof WebAssembly !== "object") {
  tell("The live figures need WebAssembly, which this browser lacks or forbids. Open the page in a current browser.");
} else if (!document.createElement("canvas").getContext("2d")) {
  tell("The live figures are drawn on canvases, which this browser forbids. Allow them for this page, or open it in another browser.");
} else {
  import("./app.js")
    .then((app) => app.default({ module_or_path: "./app_bg.wasm" }))
    .catch((error) => {
      console.error(error);
      tell("The live figures could not start. Reload the page; if that does not help, update the browser (it needs WebAssembly with SIMD).");
    });
}

// Only a page that was made for hosting is kept for use offline; `trunk serve` rebuilds under one's hands.
if (document.querySelector("meta[name=build]")) keep();

async function keep() {
  if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
  const mayKeep = navigator.serviceWorker && globalThis.caches;
  const registration = mayKeep && (await navigator.serviceWorker.register("./sw.js").catch(() => undefined));
  if (!registration) {
    document.getElementById("offline")?.removeAttribute("hidden");
    return;
  }
  const offer = () => document.getElementById("update")?.removeAttribute("hidden");
  document.querySelector("#update button")?.addEventListener("click", () => location.reload());
  // The first version to be kept is the one on screen; each one after it is newer.
  const isKept = Boolean(navigator.serviceWorker.controller);
  const follow = (worker) => {
    const look = () => worker.state === "activated" && offer();
    worker?.addEventListener("statechange", look);
  };
  if (isKept && registration.installing) follow(registration.installing);
  registration.addEventListener("updatefound", () => {
    if (isKept || registration.active) follow(registration.installing);
  });
  // A page that stays open for days asks now and then; browsers ask only when one is opened.
  setInterval(() => registration.update().catch(() => {}), 3_600_000);
}
