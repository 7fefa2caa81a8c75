// Goes from slide to slide. Only the slide that is shown has a live figure; its steps are messages to that figure.
const PAGE = "../../index.html";
const slides = [...document.querySelectorAll("main > section")];
const [back, on, place] = ["back", "on", "place"].map((id) => document.getElementById(id));

let now = -1;
let steps = []; // messages of this slide that are still to come
let frame = null;
let ready = false; // whether the figure hears yet
let unheard = []; // messages for a figure that does not hear yet
let sent = 0;

function show(index) {
  if (index === now || !slides[index]) return;
  frame?.remove();
  [frame, ready, unheard] = [null, false, []];
  now = index;
  slides.forEach((s, k) => s.classList.toggle("now", k === now));
  const slide = slides[now];
  steps = JSON.parse(slide.dataset.steps ?? "[]");
  if (slide.dataset.frame) {
    frame = document.createElement("iframe");
    frame.title = slide.querySelector("h2").textContent;
    frame.src = PAGE + slide.dataset.frame;
    slide.append(frame);
  }
  // By replacing: the browser's own Back leaves the deck, not the slide.
  history.replaceState(null, "", `#${now + 1}`);
  tell();
}

function tell() {
  place.textContent = `${now + 1} of ${slides.length}`;
  back.disabled = now === 0;
  on.disabled = now === slides.length - 1 && steps.length === 0;
}

function send(message) {
  if (!ready) unheard.push(message);
  else frame.contentWindow.postMessage({ typoLab: 1, id: ++sent, ...message }, location.origin);
}

/** The slide's next step, or the next slide. */
function forward() {
  if (steps.length > 0) send(steps.shift());
  else show(now + 1);
  tell();
}

addEventListener("message", ({ source, data }) => {
  if (!frame || source !== frame.contentWindow || data?.typoLab !== 1) return;
  if (data.event === "ready") {
    ready = true;
    unheard.splice(0).forEach(send);
  }
  // For whoever writes the deck: a message that was refused says why.
  if (data.ok === false) place.textContent = data.error;
});

const KEYS = {
  ArrowRight: forward, PageDown: forward, " ": forward,
  ArrowLeft: () => show(now - 1), PageUp: () => show(now - 1),
  Home: () => show(0), End: () => show(slides.length - 1),
};

addEventListener("keydown", (event) => {
  const onButton = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey || (onButton && event.key === " ")) return;
  event.preventDefault();
  act();
});
back.addEventListener("click", () => show(now - 1));
on.addEventListener("click", forward);
addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1));
show(Math.min(Math.max(Number(location.hash.slice(1)) - 1, 0) || 0, slides.length - 1));
