//! Drawings as SVG.

use plotters::prelude::IntoDrawingArea;
use plotters_svg::SVGBackend;

use super::sketch::{FINE, Region, Sketch, Surface};
use super::theme::Theme;
use crate::spec::SpecError;

/// plotters-svg divides font sizes by this.
pub const TEXT_SCALE: f64 = 1.24;

impl Surface for SVGBackend<'_> {}

/// Draws at a size in CSS pixels.
///
/// # Errors
/// Where a drawing fails.
pub fn render(
    w: f64,
    h: f64,
    theme: &Theme,
    draw: impl FnOnce(&mut Sketch<SVGBackend>, Region),
) -> Result<String, SpecError> {
    let mut text = String::new();
    let outcome = {
        let area = SVGBackend::with_string(&mut text, ((w * FINE) as u32, (h * FINE) as u32)).into_drawing_area();
        let mut sketch = Sketch::new(&area, TEXT_SCALE);
        sketch.clear(theme.paper);
        draw(&mut sketch, Region::of(w, h));
        sketch.finish()
    };
    outcome.map_err(|e| SpecError::new("figure", e))?;
    Ok(shown_at(&text, w, h))
}

/// A drawing that is shown at its size in CSS pixels: it keeps its fine units within.
pub fn shown_at(drawing: &str, w: f64, h: f64) -> String {
    let sheet = format!("width=\"{}\" height=\"{}\"", (w * FINE) as u32, (h * FINE) as u32);
    drawing.replacen(&sheet, &format!("width=\"{w}\" height=\"{h}\""), 1)
}
