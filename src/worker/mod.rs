//! The solver and the language model, each in a worker of its own, so that the page never waits for them.

#[cfg(feature = "lm_worker")]
pub mod lm;
pub mod port;
pub mod protocol;
pub mod solver;

/// Writes a panic's message to the browser's console, where wasm alone leaves "unreachable".
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| web_sys::console::error_1(&panic.to_string().into())));
}
