//! Elements of the page, by selector.

use wasm_bindgen::JsCast;
use web_sys::Element;

/// The elements in another that a selector picks.
pub fn all(within: &Element, selector: &str) -> impl Iterator<Item = Element> + use<> {
    let found = within.query_selector_all(selector).ok();
    let count = found.as_ref().map_or(0, web_sys::NodeList::length);
    (0..count).filter_map(move |k| found.as_ref()?.item(k)?.dyn_into().ok())
}
