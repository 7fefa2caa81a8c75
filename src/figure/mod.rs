//! The figures, each drawn once over any plotters backend: a canvas on the page, SVG (and PNG from it) elsewhere.
//!
//! Drawing code works in CSS pixels as `f64`; [`Sketch`] turns them into the whole numbers that plotters takes.

pub mod arrows;
pub mod axis;
mod direct;
pub mod distance;
pub mod envelope;
pub mod margins;
pub mod panels;
#[cfg(feature = "svg")]
pub mod paper;
pub mod policies;
pub mod progress;
pub mod reading;
pub mod shapes;
pub mod sketch;
#[cfg(feature = "svg")]
pub mod svg;
pub mod theme;
pub mod triangle;

pub use reading::Reading;
pub use sketch::{Region, Sketch, Surface};
pub use theme::Theme;

/// Letters for up to 26 actions, numbers beyond.
pub fn action_name(action: usize) -> String {
    let letter = u8::try_from(action).ok().filter(|a| *a < 26).map(|a| char::from(b'a' + a));
    letter.map_or_else(|| (action + 1).to_string(), String::from)
}

#[cfg(feature = "cli")]
/// Points the generic families at what is installed, so that a PNG's text is drawn.
pub fn fonts(db: &mut resvg::usvg::fontdb::Database) {
    let installed: Vec<String> = db.faces().flat_map(|f| f.families.iter().map(|(name, _)| name.clone())).collect();
    let pick = |wanted: &[&str]| {
        wanted
            .iter()
            .find(|w| installed.iter().any(|i| i == *w))
            .map(ToString::to_string)
            .or(installed.first().cloned())
    };
    if let Some(name) = pick(&["DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial"]) {
        db.set_sans_serif_family(name);
    }
    if let Some(name) = pick(&["DejaVu Serif", "Liberation Serif", "Noto Serif", "Times New Roman"]) {
        db.set_serif_family(name);
    }
}
