//! The one painter: once a frame, it draws the canvases whose figures have changed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gloo::render::{AnimationFrame, request_animation_frame};
use gloo::utils::{document, window};
use plotters::prelude::IntoDrawingArea;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlCanvasElement, ResizeObserver};
use yew::prelude::*;

use super::crisp::Crisp;
use super::drawing::Drawing;
use crate::figure::{Region, Sketch, Theme};

#[derive(Default)]
struct Painter {
    canvases: BTreeMap<usize, Entry>,
    next: usize,
    theme: Option<Theme>,
    frame: Option<AnimationFrame>,
}

struct Entry {
    canvas: HtmlCanvasElement,
    drawing: Rc<Drawing>,
    dirty: bool,
}

thread_local! {
    static PAINTER: RefCell<Painter> = RefCell::default();
}

/// Draws everything anew, in the style sheet's colours of now: after a change of scheme, size or pixel ratio.
pub fn repaint_all() {
    PAINTER.with_borrow_mut(|p| {
        p.theme = None;
        p.canvases.values_mut().for_each(|e| e.dirty = true);
    });
    schedule();
}

fn schedule() {
    PAINTER.with_borrow_mut(|p| {
        if p.frame.is_none() {
            p.frame = Some(request_animation_frame(|_| paint()));
        }
    });
}

fn paint() {
    PAINTER.with_borrow_mut(|p| {
        p.frame = None;
        let theme = p.theme.get_or_insert_with(theme_of_page).clone();
        for entry in p.canvases.values_mut().filter(|e| e.dirty) {
            entry.dirty = false;
            entry.paint(&theme);
        }
    });
}

/// The style sheet's own colours.
fn theme_of_page() -> Theme {
    let style = document().document_element().and_then(|e| window().get_computed_style(&e).ok().flatten());
    Theme::from_names(|name| style.as_ref()?.get_property_value(&format!("--{name}")).ok())
}

impl Entry {
    fn paint(&self, theme: &Theme) {
        // Not client_width, which rounds: a canvas of 600.4 pixels would be stretched, and blurred.
        let width = self.canvas.get_bounding_client_rect().width();
        if width < 40.0 {
            return;
        }
        let height = self.drawing.height(width).round();
        // By property, not by attribute: the content-security-policy allows no inline styles.
        let _ = self.canvas.style().set_property("height", &format!("{height}px"));
        let Some(backend) = Crisp::new(&self.canvas, width, height, window().device_pixel_ratio()) else { return };
        let area = backend.into_drawing_area();
        let mut sketch = Sketch::new(&area, 1.0);
        sketch.clear(theme.paper);
        self.drawing.draw(&mut sketch, theme, Region::of(width, height));
        // A canvas that cannot be drawn on stays as it is; the numbers stand beside it.
        let _ = sketch.finish();
    }
}

#[derive(Properties, PartialEq)]
pub struct FigureProps {
    /// What is drawn.
    pub drawing: Rc<Drawing>,
    /// What it shows, in words.
    pub label: AttrValue,
}

/// A canvas that keeps itself painted.
#[component]
pub fn Figure(props: &FigureProps) -> Html {
    let canvas = use_node_ref();
    let slot = use_mut_ref(|| None::<usize>);
    {
        let (canvas, slot) = (canvas.clone(), slot.clone());
        use_effect_with(Rc::clone(&props.drawing), move |drawing| {
            let Some(element) = canvas.cast::<HtmlCanvasElement>() else { return };
            let drawing = Rc::clone(drawing);
            PAINTER.with_borrow_mut(|p| {
                let id = *slot.borrow_mut().get_or_insert_with(|| {
                    p.next += 1;
                    p.next
                });
                p.canvases.insert(id, Entry { canvas: element, drawing, dirty: true });
            });
            schedule();
        });
    }
    {
        let (canvas, slot) = (canvas.clone(), slot.clone());
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
                    PAINTER.with_borrow_mut(|p| p.canvases.remove(&id));
                }
            }
        });
    }
    html! { <canvas ref={canvas} role="img" aria-label={props.label.clone()} class="figure" /> }
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
