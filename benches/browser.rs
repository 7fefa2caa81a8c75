//! The solver's work for a page that has a clock. `benches/run.mjs` builds and runs it; it is not shipped.

#[cfg(target_arch = "wasm32")]
mod work;

#[cfg(target_arch = "wasm32")]
mod page {
    use wasm_bindgen::prelude::*;

    use crate::work::{self, Work};

    /// All the work, by position.
    #[wasm_bindgen]
    pub struct Bench(Vec<Work>);

    #[wasm_bindgen]
    impl Bench {
        /// Resolves every experiment.
        #[wasm_bindgen(constructor)]
        pub fn new() -> Self {
            Self(work::all())
        }

        /// What it is called, by position.
        pub fn names(&self) -> Vec<String> {
            self.0.iter().map(|w| w.name.clone()).collect()
        }

        /// How many of the named thing one call does.
        pub fn units(&self, position: usize) -> u32 {
            self.0[position].units
        }

        /// Does one piece of work a number of times, so that a coarse clock can time it.
        pub fn call(&mut self, position: usize, times: u32) {
            for _ in 0..times {
                self.0[position].call();
            }
        }
    }
}

fn main() {}
