// Starts the page. What cannot start is told beside the still, which stays.
function tell(sentence) {
  const place = document.getElementById("trouble");
  if (place) {
    place.textContent = sentence;
    place.hidden = false;
  }
}

if (typeof WebAssembly !== "object") {
  tell("The live figures need WebAssembly, which this browser lacks or forbids. Open the page in a current browser.");
} else {
  import("./app.js")
    .then((app) => app.default({ module_or_path: "./app_bg.wasm" }))
    .catch((error) => {
      console.error(error);
      tell("The live figures could not start. Reload the page; if that does not help, update the browser (it needs WebAssembly with SIMD).");
    });
}
