//! The triangle's two handles: dragged by mouse or touch, moved by arrow keys (Shift moves finely).

use std::cell::RefCell;
use std::rc::Rc;

use web_sys::HtmlElement;
use yew::prelude::*;

use super::policy::{FLOOR, settle};
use crate::app::painter::{text_size, use_size};
use crate::app::reach;
use crate::app::state::Given;
use crate::figure::Region;
use crate::figure::triangle::Geometry;
use crate::simplex::{simplex_from_xy, xy_from_simplex};

/// One arrow key, as a share of the triangle's side.
const STEP: f64 = 0.01;
const FINE_STEP: f64 = 0.002;

#[derive(Properties, PartialEq)]
pub struct HandlesProps {
    /// The prompt's name, for those who hear the page.
    pub name: String,
    pub pi_ref: [f64; 3],
    pub pi_star: [f64; 3],
    pub on_move: Callback<(Given, Vec<f64>)>,
    pub children: Html,
}

/// Its children (the canvas) with the handles over it.
#[component]
pub fn Handles(props: &HandlesProps) -> Html {
    let frame = use_node_ref();
    let size = use_size(&frame);
    let reference = use_handle(props, Given::Reference, size, &frame);
    let star = use_handle(props, Given::Star, size, &frame);
    html! {
        <div class="triangle" ref={frame.clone()}>
            { props.children.clone() }
            { reference }
            { star }
        </div>
    }
}

/// The triangle's place in its frame, in CSS pixels.
fn geometry(frame: &NodeRef) -> Option<(Geometry, f64, f64)> {
    let rect = frame.cast::<HtmlElement>()?.get_bounding_client_rect();
    Some((placed(rect.width(), rect.height()), rect.left(), rect.top()))
}

/// The triangle as the painter lays it out in a frame of this size.
fn placed(w: f64, h: f64) -> Geometry {
    let size = text_size();
    Geometry::new(Region::of(w / size, h / size)).scaled(size)
}

fn policy(p: [f64; 3]) -> Vec<f64> {
    let mut pi = p.to_vec();
    settle(&mut pi, 3);
    pi
}

/// Where the pointer took a handle, as far from its middle; none while it is not held.
type Grabbed = Rc<RefCell<Option<(f64, f64)>>>;

/// One of the handles over a frame of a size in CSS pixels.
#[hook]
fn use_handle(props: &HandlesProps, given: Given, size: (f64, f64), frame: &NodeRef) -> Html {
    let button = use_node_ref();
    let grabbed = use_mut_ref(|| None::<(f64, f64)>);
    let (pi, key, symbol) = match given {
        Given::Reference => (props.pi_ref, "ref", "π ref, the reference policy"),
        Given::Star => (props.pi_star, "star", "π star, the preferred policy"),
    };
    use_place(&button, pi, size);
    let on_up = {
        let grabbed = grabbed.clone();
        Callback::from(move |_: PointerEvent| *grabbed.borrow_mut() = None)
    };
    let [a, b, c] = pi;
    let label =
        format!("{}: {symbol}: a {a:.2}, b {b:.2}, c {c:.2}. Arrow keys move it, with Shift finely.", props.name);
    let move_to = props.on_move.reform(move |pi: [f64; 3]| (given, policy(pi)));
    html! {
        <button ref={button.clone()} type="button" class={classes!("handle", key)} aria-label={label}
            onpointerdown={taken(&button, &grabbed, frame, pi)} onpointermove={dragged(&grabbed, frame, move_to.clone())}
            onpointerup={on_up.clone()} onpointercancel={on_up} onkeydown={stepped(pi, move_to)} />
    }
}

/// Puts the handle where its policy is.
#[hook]
fn use_place(button: &NodeRef, pi: [f64; 3], size: (f64, f64)) {
    let button = button.clone();
    use_effect_with((pi, size), move |(pi, (w, h))| {
        let (x, y) = placed(*w, *h).pixel(*pi);
        if let Some(element) = button.cast::<HtmlElement>() {
            // By property: the content-security-policy allows no inline styles.
            let _ =
                element.style().set_property("transform", &format!("translate({x}px, {y}px) translate(-50%, -50%)"));
        }
    });
}

fn taken(button: &NodeRef, grabbed: &Grabbed, frame: &NodeRef, pi: [f64; 3]) -> Callback<PointerEvent> {
    let (button, grabbed, frame) = (button.clone(), Rc::clone(grabbed), frame.clone());
    Callback::from(move |e: PointerEvent| {
        let (Some(element), Some((g, left, top))) = (button.cast::<HtmlElement>(), geometry(&frame)) else { return };
        // Held by where it was taken, so that it does not jump under the finger.
        let (x, y) = g.pixel(pi);
        *grabbed.borrow_mut() = Some((x + left - f64::from(e.client_x()), y + top - f64::from(e.client_y())));
        let _ = element.set_pointer_capture(e.pointer_id());
        let _ = element.focus();
        e.prevent_default();
    })
}

fn dragged(grabbed: &Grabbed, frame: &NodeRef, move_to: Callback<[f64; 3]>) -> Callback<PointerEvent> {
    let (grabbed, frame) = (Rc::clone(grabbed), frame.clone());
    Callback::from(move |e: PointerEvent| {
        let (Some((dx, dy)), Some((g, left, top))) = (*grabbed.borrow(), geometry(&frame)) else { return };
        let at = (f64::from(e.client_x()) + dx - left, f64::from(e.client_y()) + dy - top);
        move_to.emit(g.policy(at, FLOOR));
    })
}

fn stepped(pi: [f64; 3], move_to: Callback<[f64; 3]>) -> Callback<KeyboardEvent> {
    Callback::from(move |e: KeyboardEvent| {
        let step = if e.shift_key() { FINE_STEP } else { STEP };
        let Some((dx, dy)) = reach::plain_way(&e) else { return };
        e.prevent_default();
        let (x, y) = xy_from_simplex(pi);
        move_to.emit(simplex_from_xy(x + step * dx, y - step * dy, FLOOR));
    })
}
