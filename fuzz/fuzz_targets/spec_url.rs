//! Any bytes as a link's fragment.
#![no_main]

mod check;

use libfuzzer_sys::fuzz_target;
use typo_lab::spec::url::Link;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Link::from_fragment(text) {
        Ok(link) => {
            check::link(&link);
            check::spec(&link.spec);
        }
        Err(error) => check::error(&error),
    }
});
