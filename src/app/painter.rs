//! The one painter: once a frame, it draws the canvases whose figures have changed. While a hand slides, learning curves keep
//! out of its way: they are drawn when their runs come, not with every move that these follow.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo::render::{AnimationFrame, request_animation_frame};
use gloo::timers::callback::Timeout;
use gloo::utils::{document, window};
use plotters::prelude::IntoDrawingArea;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlCanvasElement, HtmlElement, ResizeObserver};
use yew::prelude::*;

use super::crisp::{Crisp, Ground};
use super::drawing::{Drawing, Layer};
use super::elements::canvas;
use super::reach;
use crate::figure::{Reading, Region, Sketch, Theme};
use crate::loss::Loss;
use crate::spec::number;

#[derive(Default)]
struct Painter {
    canvases: Vec<Entry>,
    next: usize,
    theme: Option<Theme>,
    frame: Option<AnimationFrame>,
    /// Whether the figures are on their way to a printer, whose paper is light.
    on_paper: bool,
    /// Whether a hand is at a slider or a handle.
    slides: bool,
    /// Waits until nothing is left to be painted.
    then: Option<fn()>,
}

struct Entry {
    id: usize,
    canvas: HtmlCanvasElement,
    drawing: Rc<Drawing>,
    dirty: bool,
    /// As last looked at, in CSS pixels; none where it may have changed.
    width: Option<f64>,
    /// As last set, in CSS pixels.
    height: f64,
    /// Whether it has shown anything yet.
    drawn: bool,
    /// Whether it was drawn since the last frame.
    early: bool,
    /// What it shows, at which width; none where it is to be drawn anew.
    shown: Option<(Rc<Drawing>, f64)>,
    /// A picture of that without its cursor, once the cursor alone has moved: from then on nothing else is drawn.
    picture: Option<HtmlCanvasElement>,
}

thread_local! {
    static PAINTER: RefCell<Painter> = RefCell::default();
}

/// Draws everything anew, in the style sheet's colours of now: after a change of scheme, size or pixel ratio.
pub fn repaint_all() {
    forget_all();
    schedule();
}

/// As [`repaint_all`], without waiting for the next frame.
pub fn repaint_now() {
    forget_all();
    paint(true);
}

fn forget_all() {
    PAINTER.with_borrow_mut(|p| {
        p.theme = None;
        p.canvases.iter_mut().for_each(|e| (e.dirty, e.shown, e.width) = (true, None, None));
    });
}

/// Chooses between the screen's colours and those for light paper.
pub fn set_on_paper(on: bool) {
    PAINTER.with_borrow_mut(|p| p.on_paper = on);
}

/// Tells whether a hand is at a slider or a handle: it moves nothing on the page but what figures show.
pub fn set_sliding(slides: bool) {
    let waits = PAINTER.with_borrow_mut(|p| {
        let has_rested = std::mem::replace(&mut p.slides, slides) && !slides;
        has_rested && p.canvases.iter().any(|e| e.dirty)
    });
    if waits {
        schedule();
    }
}

thread_local! {
    static TEXT_SIZE: Cell<f64> = const { Cell::new(1.0) };
}

/// How large everything in a figure is drawn, as the page's text is; 1 is usual.
pub fn text_size() -> f64 {
    TEXT_SIZE.get()
}

/// Pixels of the usual text.
const USUAL: f64 = 16.0;

/// Takes the text's size over from the style sheet, which sets it by the window's width, by the reader's own choice, or by a
/// frame's wish.
fn measure_text() {
    let style = document().document_element().and_then(|e| window().get_computed_style(&e).ok().flatten());
    let size = style.and_then(|s| number(s.get_property_value("font-size").ok()?.strip_suffix("px")?));
    TEXT_SIZE.set(size.map_or(1.0, |s| s / USUAL));
}

/// Every canvas with what it shows.
pub fn figures() -> Vec<(HtmlCanvasElement, Rc<Drawing>)> {
    PAINTER.with_borrow(|p| p.canvases.iter().map(|e| (e.canvas.clone(), Rc::clone(&e.drawing))).collect())
}

/// The colours that figures are painted in.
pub fn theme() -> Theme {
    PAINTER.with_borrow(|p| p.theme.clone().unwrap_or_else(|| theme_of_page(p.on_paper)))
}

fn schedule() {
    PAINTER.with_borrow_mut(|p| {
        if p.frame.is_none() {
            p.frame = Some(request_animation_frame(|_| paint(false)));
        }
    });
}

fn paint(at_once: bool) {
    let waits = PAINTER.with_borrow_mut(|p| {
        p.frame = None;
        let on_paper = p.on_paper;
        if p.theme.is_none() {
            measure_text();
        }
        let theme = p.theme.get_or_insert_with(|| theme_of_page(on_paper)).clone();
        let slides = p.slides;
        p.canvases.iter_mut().for_each(|e| e.early = false);
        let mut dirty: Vec<&mut Entry> =
            p.canvases.iter_mut().filter(|e| e.dirty && !(slides && e.waits_for_runs())).collect();
        // All sizes before the first change of one: each look after a change lays the whole page out again. Under a hand no look at
        // all, which would lay the page out before it is answered: where a width changes nevertheless, its observer has everything
        // drawn anew.
        if !slides || dirty.iter().any(|e| e.width.is_none()) {
            for entry in &mut dirty {
                entry.width = Some(entry.measured_width());
            }
        }
        let (mut waits, mut has_first) = (false, false);
        for entry in dirty {
            let width = entry.width.unwrap_or(0.0);
            if width < LEAST_WIDTH {
                entry.dirty = false;
                continue;
            }
            let is_new = entry.height == 0.0;
            entry.fit(width);
            // A view that opens holds nothing up for long: the frame that finds the sizes has laid the page out, and has done
            // enough; after it, figures that are still blank come one a frame.
            if !at_once && !entry.drawn && (is_new || has_first) {
                waits = true;
                continue;
            }
            has_first |= !entry.drawn;
            (entry.dirty, entry.drawn) = (false, true);
            entry.paint(&theme, width);
        }
        waits
    });
    if waits {
        schedule();
    } else if let Some(then) = PAINTER.with_borrow_mut(|p| p.then.take()) {
        then();
    }
}

/// Calls back once all that is to be painted is.
pub fn once_painted(then: fn()) {
    PAINTER.with_borrow_mut(|p| p.then = Some(then));
    schedule();
}

/// The style sheet's own colours, each of which it writes once, for light paper and for dark.
fn theme_of_page(on_paper: bool) -> Theme {
    let style = document().document_element().and_then(|e| window().get_computed_style(&e).ok().flatten());
    let value = |name: &str| style.as_ref()?.get_property_value(name).ok();
    let dark = !on_paper
        && match value("color-scheme").as_deref() {
            Some("dark") => true,
            Some("light") => false,
            _ => window().match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|m| m.matches()),
        };
    Theme::from_names(|name| value(&format!("--{name}")).map(|text| picked(&text, dark)))
}

/// Which of `light-dark(#fcfbf8, #121416)` holds; a colour that is the same on both stays.
fn picked(text: &str, dark: bool) -> String {
    let both =
        text.trim().strip_prefix("light-dark(").and_then(|t| t.strip_suffix(')')).and_then(|t| t.split_once(','));
    both.map_or(text, |(on_light, on_dark)| if dark { on_dark } else { on_light }).trim().to_owned()
}

/// Narrower figures are not drawn: they are hidden, or no figures yet. In CSS pixels.
const LEAST_WIDTH: f64 = 40.0;

impl Entry {
    /// Whether its panels of training are on the canvas already: what else has changed can wait for their next runs.
    fn waits_for_runs(&self) -> bool {
        let is_there = |shown: &Drawing| self.drawing.is_learning() && self.drawing.has_panels_of(shown);
        self.shown.as_ref().is_some_and(|(shown, _)| is_there(shown))
    }

    /// Takes another figure. While a hand slides, panels of training are drawn when they change, which is when runs come, and at
    /// once, if not twice a frame. True where it is left to the next frame, as all else is.
    fn take(&mut self, drawing: Rc<Drawing>, slides: bool, theme: Option<&Theme>) -> bool {
        (self.drawing, self.dirty) = (drawing, true);
        if slides && self.waits_for_runs() {
            return false;
        }
        let is_apart = slides && !self.early && self.shown.is_some() && self.drawing.is_learning();
        let (true, Some(width), Some(theme)) = (is_apart, self.width, theme) else { return true };
        (self.dirty, self.early) = (false, true);
        self.fit(width);
        self.paint(theme, width);
        false
    }

    /// In CSS pixels. Not client_width, which rounds: a canvas of 600.4 pixels would be stretched, and blurred.
    fn measured_width(&self) -> f64 {
        self.canvas.get_bounding_client_rect().width()
    }

    /// Gives it the height that its figure has at a width, both in CSS pixels, of which it covers whole ones.
    fn fit(&mut self, width: f64) {
        // Laid out as on a smaller sheet, and drawn larger: text, lines and spaces grow alike.
        let height = (self.drawing.height(width / text_size()).round() * text_size()).round();
        if height != self.height {
            self.height = height;
            // By property, not by attribute: the content-security-policy allows no inline styles.
            let _ = self.canvas.style().set_property("height", &format!("{height}px"));
        }
    }

    fn paint(&mut self, theme: &Theme, width: f64) {
        let before = self.shown.replace((Rc::clone(&self.drawing), width));
        let paper = Ground::Paper(theme.paper);
        if !before.is_some_and(|(drawing, at)| at == width && self.drawing.is_still(&drawing)) {
            self.picture = None;
        } else if self.picture.is_none() {
            self.picture = canvas().filter(|picture| self.put(picture, paper, Layer::Still, theme, width));
        }
        match &self.picture {
            Some(picture) => self.put(&self.canvas, Ground::Copy(picture), Layer::Cursors, theme, width),
            None => self.put(&self.canvas, paper, Layer::All, theme, width),
        };
    }

    /// Draws on a canvas of its size. False where that cannot be drawn on: it stays as it is, and the numbers stand beside it.
    fn put(&self, canvas: &HtmlCanvasElement, ground: Ground, layer: Layer, theme: &Theme, width: f64) -> bool {
        let size = text_size();
        let (width, height) = (width / size, self.height / size);
        let ratio = window().device_pixel_ratio() * size;
        let Some(backend) = Crisp::new(canvas, width, height, ratio, ground) else { return false };
        let area = backend.into_drawing_area();
        let mut sketch = Sketch::new(&area, 1.0).for_the_eye();
        self.drawing.draw_layer(&mut sketch, theme, Region::of(width, height), layer);
        sketch.finish().is_ok()
    }
}

#[derive(Properties, PartialEq)]
pub struct FigureProps {
    /// What is drawn.
    pub drawing: Rc<Drawing>,
    /// What it shows, in words.
    pub label: AttrValue,
    /// Told which loss the pointer is at.
    #[prop_or_default]
    pub on_point: Callback<Option<Loss>>,
}

/// A canvas that keeps itself painted.
#[component]
pub fn Figure(props: &FigureProps) -> Html {
    let canvas = use_node_ref();
    use_painted(&canvas, &props.drawing);
    let reading = use_state_eq(|| None::<Reading>);
    // Whether the keyboard reads, and not a pointer.
    let by_key = use_state_eq(|| false);
    // Runs out where a finger's reading has stood long enough.
    let waning = use_mut_ref(|| None::<Timeout>);
    let tell = {
        let (reading, on_point) = (reading.setter(), props.on_point.clone());
        move |found: Option<Reading>| {
            on_point.emit(found.as_ref().and_then(|r| r.loss));
            reading.set(found);
        }
    };
    let on_move = {
        let (drawing, tell) = (Rc::clone(&props.drawing), tell.clone());
        // A pressed mouse drags; what it passes over is not meant. A finger is always pressed.
        Callback::from(move |e: PointerEvent| {
            if !is_finger(&e) {
                tell(if e.buttons() == 0 { read(&drawing, &e) } else { None });
            }
        })
    };
    let on_down = {
        let (drawing, tell, waning) = (Rc::clone(&props.drawing), tell.clone(), waning.clone());
        Callback::from(move |e: PointerEvent| {
            if is_finger(&e) {
                tell(read(&drawing, &e));
                let tell = tell.clone();
                *waning.borrow_mut() = Some(Timeout::new(FINGER_MS, move || tell(None)));
            }
        })
    };
    // The next value that way, seen and heard; false where there is none.
    let step = {
        let (canvas, drawing, tell) = (canvas.clone(), Rc::clone(&props.drawing), tell.clone());
        let from = reading.as_ref().map(|r| r.at);
        move |way: (f64, f64)| {
            let width = canvas.cast::<Element>().map_or(0.0, |c| c.get_bounding_client_rect().width() / text_size());
            let found = reach::next(&drawing, width, from, way);
            let is_found = found.is_some();
            if is_found {
                tell(found);
            }
            is_found
        }
    };
    let on_focus = {
        let (step, set) = (step.clone(), by_key.setter());
        Callback::from(move |e: FocusEvent| {
            // A pointer that brings the focus reads what it is at, and leaves the arrow keys to the page.
            if e.target_dyn_into::<Element>().is_some_and(|c| c.matches(":focus-visible").unwrap_or(false)) {
                set.set(true);
                step((1.0, 0.0));
            }
        })
    };
    let on_key = {
        let is_read = *by_key;
        Callback::from(move |e: KeyboardEvent| {
            if is_read && reach::plain_way(&e).is_some_and(&step) {
                e.prevent_default();
            }
        })
    };
    let on_blur = {
        let (tell, is_read, set) = (tell.clone(), *by_key, by_key.setter());
        Callback::from(move |_: FocusEvent| {
            if is_read {
                set.set(false);
                tell(None);
            }
        })
    };
    // A finger leaves when it is lifted, which is when its reading is read.
    let on_leave = Callback::from(move |e: PointerEvent| {
        if !is_finger(&e) {
            tell(None);
        }
    });
    html! {
        <>
            <canvas ref={canvas} role="application" aria-roledescription="figure" tabindex="0" aria-label={format!("{} Arrow keys read its values.", props.label)} class="figure" data-figure={props.drawing.target().map(crate::story::Target::key)}
                onpointermove={on_move} onpointerdown={on_down} onpointerleave={on_leave}
                onfocus={on_focus} onblur={on_blur} onkeydown={on_key} />
            if let Some(reading) = &*reading { <Tip reading={reading.clone()} /> }
            <span class="visually-hidden" role="status">
                if *by_key { { reading.as_ref().map_or_else(String::new, |r| r.text.clone()) } }
            </span>
        </>
    }
}

/// Keeps a canvas painted with what it shows, at the width that it has.
#[hook]
fn use_painted(canvas: &NodeRef, drawing: &Rc<Drawing>) {
    let slot = use_mut_ref(|| None::<usize>);
    {
        let (canvas, slot) = (canvas.clone(), slot.clone());
        use_effect_with(Rc::clone(drawing), move |drawing| {
            let Some(element) = canvas.cast::<HtmlCanvasElement>() else { return };
            let drawing = Rc::clone(drawing);
            let waits = PAINTER.with_borrow_mut(|p| {
                let id = *slot.borrow_mut().get_or_insert_with(|| {
                    p.next += 1;
                    p.next
                });
                if let Some(entry) = p.canvases.iter_mut().find(|e| e.id == id) {
                    entry.canvas = element;
                    entry.take(drawing, p.slides, p.theme.as_ref())
                } else {
                    let (width, height, drawn, early, shown, picture) = (None, 0.0, false, false, None, None);
                    p.canvases.push(Entry {
                        id,
                        canvas: element,
                        drawing,
                        dirty: true,
                        width,
                        height,
                        drawn,
                        early,
                        shown,
                        picture,
                    });
                    true
                }
            });
            if waits {
                schedule();
            }
        });
    }
    let canvas = canvas.clone();
    use_effect_with((), move |()| {
        let mut last = 0.0;
        let changed = move |w: f64, _| {
            if w != last {
                last = w;
                repaint_all();
            }
        };
        let observer = canvas.cast::<Element>().and_then(|c| observe(&c, changed));
        move || {
            drop(observer);
            if let Some(id) = *slot.borrow() {
                PAINTER.with_borrow_mut(|p| p.canvases.retain(|e| e.id != id));
            }
        }
    });
}

/// Milliseconds that a reading stands which a finger asked for.
const FINGER_MS: u32 = 4_000;

fn is_finger(e: &PointerEvent) -> bool {
    e.pointer_type() == "touch"
}

/// What stands under a pointer.
fn read(drawing: &Drawing, e: &PointerEvent) -> Option<Reading> {
    let rect = e.target_dyn_into::<Element>()?.get_bounding_client_rect();
    let size = text_size();
    let at = ((f64::from(e.client_x()) - rect.left()) / size, (f64::from(e.client_y()) - rect.top()) / size);
    drawing.reading(rect.width() / size, at)
}

#[derive(Properties, PartialEq)]
struct TipProps {
    reading: Reading,
}

/// A value beside the point it was read at.
#[component]
fn Tip(props: &TipProps) -> Html {
    let tip = use_node_ref();
    {
        let tip = tip.clone();
        use_effect_with(props.reading.at, move |(x, y)| {
            let Some(element) = tip.cast::<HtmlElement>() else { return };
            let Some(canvas) = element.previous_element_sibling().and_then(|c| c.dyn_into::<HtmlElement>().ok()) else {
                return;
            };
            // Kept inside the figure's width.
            let (x, y) = (x * text_size(), y * text_size());
            let half = 0.5 * f64::from(element.offset_width());
            let width = f64::from(canvas.offset_width());
            let left =
                f64::from(canvas.offset_left()) + x.clamp(half.min(0.5 * width), (width - half).max(0.5 * width));
            let top = f64::from(canvas.offset_top()) + y;
            let _ = element
                .style()
                .set_property("transform", &format!("translate({left}px, {top}px) translate(-50%, -150%)"));
        });
    }
    // Told beside to those who hear the page, where they asked for it.
    html! { <div ref={tip} class={classes!("tip", props.reading.loss.map(Loss::key))} aria-hidden="true">{ props.reading.text.clone() }</div> }
}

/// Watches an element's size; ends when dropped.
struct SizeObserver {
    observer: ResizeObserver,
    _callback: Closure<dyn FnMut()>,
}

impl Drop for SizeObserver {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

fn observe(element: &Element, mut changed: impl FnMut(f64, f64) + 'static) -> Option<SizeObserver> {
    let watched = element.clone();
    let callback = Closure::<dyn FnMut()>::new(move || {
        let rect = watched.get_bounding_client_rect();
        changed(rect.width(), rect.height());
    });
    let observer = ResizeObserver::new(callback.as_ref().unchecked_ref()).ok()?;
    observer.observe(element);
    Some(SizeObserver { observer, _callback: callback })
}

/// An element's size in CSS pixels, kept up to date.
#[hook]
pub fn use_size(node: &NodeRef) -> (f64, f64) {
    let size = use_state_eq(|| (0.0, 0.0));
    let (node, set) = (node.clone(), size.setter());
    use_effect_with((), move |()| {
        let observer = node.cast::<Element>().and_then(|e| observe(&e, move |w, h| set.set((w, h))));
        move || drop(observer)
    });
    *size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_of_two_papers_is_picked_by_the_paper() {
        assert_eq!(picked(" light-dark(#fcfbf8, #121416)", false), "#fcfbf8");
        assert_eq!(picked("light-dark(#fcfbf8,#121416) ", true), "#121416");
        assert_eq!(picked("#0c7a74", true), "#0c7a74");
    }
}
