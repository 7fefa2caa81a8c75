// Goes from slide to slide. Only the slide that is shown has a live figure; its steps are messages to that figure.
const PAGE = "../../index.html";
const slides = [...document.querySelectorAll("main > section")];
const [back, on, place] = ["back", "on", "place"].map((id) => document.getElementById(id));

let now = -1;
let steps = []; // messages of this slide that are still to come
let frame = null;
let ready = false; // whether the figure hears yet
let loaded = 0; // the size that the figure was asked for
let pixels = 1; // device pixels a CSS pixel at that time
let stands = ""; // the figure's experiment and moment, as it tells them
let plays = false; // whether time runs in it
let resting = 0; // the timer that waits for the window to rest
let unheard = []; // messages for a figure that does not hear yet
let [sent, heard] = [0, 0]; // the last message that was sent, and the last that was answered

function show(index) {
  if (index === now || !slides[index]) return;
  frame?.remove();
  [frame, ready, unheard, heard] = [null, false, [], sent];
  // An entry a slide, so that the browser's own Back undoes a slide; none for the first, nor where Back itself has come from.
  const hash = `#${index + 1}`;
  if (location.hash !== hash) history[now < 0 ? "replaceState" : "pushState"](null, "", hash);
  now = index;
  slides.forEach((s, k) => s.classList.toggle("now", k === now));
  const slide = slides[now];
  steps = JSON.parse(slide.dataset.steps ?? "[]");
  if (slide.dataset.frame) {
    frame = document.createElement("iframe");
    frame.title = slide.querySelector("h2").textContent;
    const [asked, experiment = ""] = slide.dataset.frame.split("#");
    slide.append(frame);
    [loaded, pixels] = [size(), devicePixelRatio];
    frame.src = `${PAGE}${asked}&size=${loaded}#${experiment}`;
  }
  tell();
}

/** CSS pixels of height that a figure with one control needs where its text has the usual size, for slides that do not say. */
const HEIGHT = 659;
/** Pixels of width that it needs for one of height. */
const ASPECT = 1.6;

/** As large as the slide has room for, in eighths: the figure and its text grow alike. */
function size() {
  const room = Math.min(frame.clientHeight, frame.clientWidth / ASPECT) / (slides[now].dataset.height ?? HEIGHT);
  return Math.min(3, Math.max(0.5, Math.floor(8 * room) / 8));
}

/**
 * A screen of another size, as when the deck goes over the whole of it: the figure comes again as it stands, in the new size.
 * True where it does. It waits for answers that are under way, for a run that plays and for whoever types; a page that was
 * zoomed keeps its size.
 */
function fit() {
  if (!ready || plays || heard < sent || size() === loaded || devicePixelRatio !== pixels) return false;
  try {
    const { document, location } = frame.contentWindow;
    if (document.hasFocus() && document.activeElement?.matches("input.field")) return false;
    // The link says which view it is of.
    const asked = location.search.replace(`&size=${loaded}`, `&size=${size()}`).replace(/([?&])view=[^&]*/, "$1");
    // Replaced, so that Back still undoes a slide.
    location.replace(`${PAGE}${asked}#${stands}`);
  } catch {
    // A page of another origin keeps its address, and the figure its size.
    return false;
  }
  [ready, loaded] = [false, size()];
  return true;
}

function tell() {
  place.textContent = `${now + 1} of ${slides.length}`;
  back.disabled = now === 0;
  on.disabled = now === slides.length - 1 && steps.length === 0;
}

function send(message) {
  if (!ready) unheard.push(message);
  else frame.contentWindow.postMessage({ ...message, typoLab: 1, id: ++sent }, location.origin);
}

/** The slide's next step, or the next slide. */
function forward() {
  if (steps.length > 0) send(steps.shift());
  else show(now + 1);
  tell();
}

addEventListener("message", ({ source, data }) => {
  if (!frame || source !== frame.contentWindow || data?.typoLab !== 1) return;
  // A link leaves out the moment of a run that has ended; a page that opens would play it again.
  if (data.link !== undefined) stands = /(^|&)at=/.test(data.link) ? data.link : [data.link, `at=${data.at}`].filter(Boolean).join("&");
  plays = data.playing ?? plays;
  heard = Math.max(heard, data.id ?? 0);
  // Whatever the page before was asked, this one was not.
  if (data.event === "ready") [ready, heard] = [true, sent];
  if (fit()) return;
  if (data.event === "ready") {
    unheard.splice(0).forEach(send);
    // A press in the figure takes the focus there, and the keys with it.
    try {
      source.addEventListener("keydown", onKey);
      source.addEventListener("focusout", () => setTimeout(fit));
    } catch {
      // A page of another origin keeps its keys.
    }
  }
  // For whoever writes the deck: a message that was refused says why.
  if (data.ok === false) place.textContent = data.error;
});

const KEYS = {
  ArrowRight: forward, PageDown: forward, " ": forward,
  ArrowLeft: () => show(now - 1), PageUp: () => show(now - 1),
  Home: () => show(0), End: () => show(slides.length - 1),
};

/** What has a use for keys of its own: all of them, or the space bar. */
const [TAKES_KEYS, TAKES_SPACE] = ["input, select, textarea, .handle, .table-frame", "button, a, summary"];
/** What a presenter's remote control sends: the deck's wherever the focus is. */
const REMOTE = ["PageDown", "PageUp"];

function onKey(event) {
  // A figure that has the focus takes arrows for itself.
  if (event.defaultPrevented && !REMOTE.includes(event.key)) return;
  const act = KEYS[event.key];
  const at = (selector) => event.target.closest?.(selector);
  const isTaken = at(TAKES_KEYS) || (event.key === " " && at(TAKES_SPACE));
  if (!act || event.ctrlKey || event.metaKey || event.altKey || (isTaken && !REMOTE.includes(event.key))) return;
  event.preventDefault();
  act();
}

addEventListener("keydown", onKey);
addEventListener("resize", () => {
  clearTimeout(resting);
  resting = setTimeout(fit, 250);
});
back.addEventListener("click", () => show(now - 1));
on.addEventListener("click", forward);
addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1));
show(Math.min(Math.max(Number(location.hash.slice(1)) - 1, 0) || 0, slides.length - 1));
