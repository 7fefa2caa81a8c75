//! The page: one reducer, data in, callbacks out.

mod address;
mod controls;
mod crisp;
mod drawing;
mod exact;
mod page;
mod painter;
mod panels;
mod solver;
mod state;
mod views;
mod words;

/// Puts the page in place of the static picture that the document shows until now.
pub fn start() {
    let Some(root) = gloo::utils::document().get_element_by_id("app") else { return };
    yew::Renderer::<page::Page>::with_root(root).render();
}
