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
    Ok(shown_at(&joined(&text), w, h))
}

/// Neighbouring polylines of one style as one path each. Every dash is drawn by itself, and a browser takes longer over a thousand
/// elements than over a hundred.
fn joined(drawing: &str) -> String {
    let lines: Vec<&str> = drawing.lines().collect();
    let style = |line: &&str| polyline(line).map(|(style, _)| style.to_owned());
    let alike = lines.chunk_by(|a, b| style(a).is_some() && style(a) == style(b));
    alike.map(|run| if run.len() == 1 { format!("{}\n", run[0]) } else { path(run) }).collect()
}

/// A polyline's style and its points, as plotters writes them.
fn polyline(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("<polyline ")?.strip_suffix("\"/>")?.split_once(" points=\"")
}

fn path(lines: &[&str]) -> String {
    let parts: Vec<(&str, &str)> = lines.iter().filter_map(|line| polyline(line)).collect();
    let corners: Vec<String> = parts.iter().map(|(_, points)| format!("M {}", points.trim_end())).collect();
    format!("<path {} d=\"{}\"/>\n", parts[0].0, corners.join(" "))
}

/// A drawing that is shown at its size in CSS pixels: it keeps its fine units within. Lines are joined roundly, as on a canvas.
pub fn shown_at(drawing: &str, w: f64, h: f64) -> String {
    let sheet = format!("width=\"{}\" height=\"{}\"", (w * FINE) as u32, (h * FINE) as u32);
    drawing.replacen(&sheet, &format!("width=\"{w}\" height=\"{h}\" stroke-linejoin=\"round\""), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_of_one_line_are_one_path() {
        let dash = |stroke: &str, points: &str| {
            format!("<polyline fill=\"none\" opacity=\"0.8\" stroke=\"{stroke}\" points=\"{points} \"/>\n")
        };
        let drawing = [dash("#1", "0,0 1,0"), dash("#1", "2,0 3,0"), dash("#2", "0,5 1,5"), "</svg>\n".to_owned()];
        let path = "<path fill=\"none\" opacity=\"0.8\" stroke=\"#1\" d=\"M 0,0 1,0 M 2,0 3,0\"/>\n".to_owned();
        assert_eq!(joined(&drawing.concat()), [path, drawing[2].clone(), drawing[3].clone()].concat());
    }
}
