//! Elements of the page, by selector, and one that is on no page.

use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlCanvasElement};

/// The elements in another that a selector picks.
pub fn all(within: &Element, selector: &str) -> impl Iterator<Item = Element> + use<> {
    let found = within.query_selector_all(selector).ok();
    let count = found.as_ref().map_or(0, web_sys::NodeList::length);
    (0..count).filter_map(move |k| found.as_ref()?.item(k)?.dyn_into().ok())
}

/// A canvas that is not on screen.
pub fn canvas() -> Option<HtmlCanvasElement> {
    document().create_element("canvas").ok()?.dyn_into().ok()
}
