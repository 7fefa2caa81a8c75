//! The triangle's two handles: dragged by mouse or touch, moved by arrow keys (Shift moves finely).

use web_sys::HtmlElement;
use yew::prelude::*;

use super::policy::{FLOOR, settle};
use crate::app::painter::use_size;
use crate::app::state::Given;
use crate::figure::Region;
use crate::figure::triangle::Geometry;

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
    let handle = |given: Given| {
        let pi = if given == Given::Reference { props.pi_ref } else { props.pi_star };
        html! { <Handle name={props.name.clone()} {given} {pi} {size} frame={frame.clone()} on_move={props.on_move.clone()} /> }
    };
    html! {
        <div class="triangle" ref={frame.clone()}>
            { props.children.clone() }
            { handle(Given::Reference) }
            { handle(Given::Star) }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct HandleProps {
    name: String,
    given: Given,
    pi: [f64; 3],
    /// The frame's, in CSS pixels.
    size: (f64, f64),
    frame: NodeRef,
    on_move: Callback<(Given, Vec<f64>)>,
}

/// The triangle's place in its frame, in CSS pixels.
fn geometry(frame: &NodeRef) -> Option<(Geometry, f64, f64)> {
    let rect = frame.cast::<HtmlElement>()?.get_bounding_client_rect();
    Some((Geometry::new(Region::of(rect.width(), rect.height())), rect.left(), rect.top()))
}

fn policy(p: [f64; 3]) -> Vec<f64> {
    let mut pi = p.to_vec();
    settle(&mut pi, 3);
    pi
}

#[component]
fn Handle(props: &HandleProps) -> Html {
    let button = use_node_ref();
    let grabbed = use_mut_ref(|| None::<(f64, f64)>);
    {
        let button = button.clone();
        use_effect_with((props.pi, props.size), move |(pi, (w, h))| {
            let (x, y) = Geometry::new(Region::of(*w, *h)).pixel(*pi);
            if let Some(element) = button.cast::<HtmlElement>() {
                // By property: the content-security-policy allows no inline styles.
                let _ = element
                    .style()
                    .set_property("transform", &format!("translate({x}px, {y}px) translate(-50%, -50%)"));
            }
        });
    }
    let on_down = {
        let (button, grabbed, frame, pi) = (button.clone(), grabbed.clone(), props.frame.clone(), props.pi);
        Callback::from(move |e: PointerEvent| {
            let (Some(element), Some((g, left, top))) = (button.cast::<HtmlElement>(), geometry(&frame)) else {
                return;
            };
            // Held by where it was taken, so that it does not jump under the finger.
            let (x, y) = g.pixel(pi);
            *grabbed.borrow_mut() = Some((x + left - f64::from(e.client_x()), y + top - f64::from(e.client_y())));
            let _ = element.set_pointer_capture(e.pointer_id());
            let _ = element.focus();
            e.prevent_default();
        })
    };
    let on_move = {
        let (grabbed, frame, emit, given) = (grabbed.clone(), props.frame.clone(), props.on_move.clone(), props.given);
        Callback::from(move |e: PointerEvent| {
            let (Some((dx, dy)), Some((g, left, top))) = (*grabbed.borrow(), geometry(&frame)) else { return };
            let at = (f64::from(e.client_x()) + dx - left, f64::from(e.client_y()) + dy - top);
            emit.emit((given, policy(g.policy(at, FLOOR))));
        })
    };
    let on_up = {
        let grabbed = grabbed.clone();
        Callback::from(move |_: PointerEvent| *grabbed.borrow_mut() = None)
    };
    let on_key = {
        let (emit, given, pi) = (props.on_move.clone(), props.given, props.pi);
        Callback::from(move |e: KeyboardEvent| {
            let step = if e.shift_key() { FINE_STEP } else { STEP };
            let (dx, dy) = match e.key().as_str() {
                "ArrowLeft" => (-step, 0.0),
                "ArrowRight" => (step, 0.0),
                "ArrowUp" => (0.0, step),
                "ArrowDown" => (0.0, -step),
                _ => return,
            };
            e.prevent_default();
            let (x, y) = crate::simplex::xy_from_simplex(pi);
            emit.emit((given, policy(crate::simplex::simplex_from_xy(x + dx, y + dy, FLOOR))));
        })
    };
    let (key, symbol) = if props.given == Given::Reference {
        ("ref", "π ref, the reference policy")
    } else {
        ("star", "π star, the preferred policy")
    };
    let [a, b, c] = props.pi;
    let label =
        format!("{}: {symbol}: a {a:.2}, b {b:.2}, c {c:.2}. Arrow keys move it, with Shift finely.", props.name);
    html! {
        <button ref={button} type="button" class={classes!("handle", key)} aria-label={label}
            onpointerdown={on_down} onpointermove={on_move} onpointerup={on_up.clone()} onpointercancel={on_up} onkeydown={on_key} />
    }
}
