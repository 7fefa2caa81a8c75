//! The page: one reducer, data in, callbacks out.

mod address;
mod bounds;
mod controls;
mod crisp;
mod drawing;
mod elements;
mod embed;
mod exact;
mod keys;
mod late;
mod lm;
mod page;
mod painter;
mod panels;
mod patience;
mod points;
mod reach;
mod remote;
mod save;
mod seen;
mod sheet;
mod solver;
mod stage;
mod state;
mod tour;
mod views;
mod words;

use gloo::timers::callback::Timeout;

/// Builds the page, which takes the place of the still that the document shows until now.
///
/// In tasks none of which holds the browser up for long: the program is loaded, the address is read, the first numbers are
/// computed, and from them the page is built, stage by stage.
pub fn start() {
    crate::worker::report_panics();
    let Some(root) = gloo::utils::document().get_element_by_id("app") else { return };
    in_a_task_of_its_own(|| {
        let state = page::Opening::state();
        in_a_task_of_its_own(|| {
            let opening = page::Opening::new(state);
            in_a_task_of_its_own(|| {
                yew::Renderer::<page::Page>::with_root_and_props(root, page::PageProps { opening }).render();
            });
        });
    });
}

/// Whether the reader's system answers a media query so.
fn prefers(query: &str) -> bool {
    gloo::utils::window().match_media(query).ok().flatten().is_some_and(|m| m.matches())
}

fn in_a_task_of_its_own(work: impl FnOnce() + 'static) {
    Timeout::new(0, work).forget();
}
