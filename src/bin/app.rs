//! The page.

fn main() {
    typo_lab::app::start();
}
