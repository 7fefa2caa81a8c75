//! The page's one plotters backend: a canvas that is crisp at any pixel ratio, or an SVG file. One type for both, so that
//! the drawing code is downloaded once.
//!
//! plotters-canvas draws the strokes. What it lacks is added: the transform from a sketch's fine units to device pixels,
//! round joins, and text measured by the canvas itself (its own way inserts an element, which forces a reflow and breaks
//! under a strict content-security-policy).

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, Number, Object, Reflect};
use plotters::prelude::DrawingBackend;
use plotters::style::{RGBColor, ShapeStyle};
use plotters_backend::DrawingErrorKind;
use plotters_canvas::CanvasBackend;
use plotters_svg::SVGBackend;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::figure::Surface;
use crate::figure::sketch::{FINE, cut, whole};

type Answer<T> = Result<T, DrawingErrorKind<Fault>>;

/// What a canvas or a file failed with.
#[derive(Debug)]
pub struct Fault(String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

fn fault(e: &impl std::fmt::Display) -> DrawingErrorKind<Fault> {
    DrawingErrorKind::DrawingError(Fault(e.to_string()))
}

thread_local! {
    /// Widths and heights of texts by font.
    static MEASURED: RefCell<HashMap<String, (u32, u32)>> = RefCell::new(HashMap::new());
}

/// See the module.
pub struct Crisp<'a> {
    onto: Onto<'a>,
    size: (u32, u32),
}

/// What a canvas shows before it is drawn on.
#[derive(Debug, Clone, Copy)]
pub enum Ground<'a> {
    /// Nothing: what is beneath shows through.
    None,
    /// All of it one colour.
    Paper(RGBColor),
    /// What another canvas of its size shows.
    Copy(&'a HtmlCanvasElement),
}

enum Onto<'a> {
    Canvas(CanvasBackend, CanvasRenderingContext2d),
    File(SVGBackend<'a>),
}

impl<'a> Crisp<'a> {
    /// Prepares a canvas of a size in CSS pixels. None where the browser gives no 2-D context.
    pub fn new(canvas: &HtmlCanvasElement, w: f64, h: f64, ratio: f64, ground: Ground) -> Option<Self> {
        let (device_w, device_h) = ((w * ratio).round() as u32, (h * ratio).round() as u32);
        if canvas.width() != device_w || canvas.height() != device_h {
            canvas.set_width(device_w);
            canvas.set_height(device_h);
        }
        // On a ground without transparency: the page beneath need not be mixed in, which without a GPU takes as long as much of the
        // drawing. A file's canvas keeps it, as letters on opaque ones may be smoothed for the screen that they are on.
        let options = Object::new();
        let _ = Reflect::set(&options, &"alpha".into(), &matches!(ground, Ground::None).into());
        let context = canvas.get_context_with_context_options("2d", &options).ok()??;
        let context: CanvasRenderingContext2d = context.dyn_into().ok()?;
        // The whole surface, also the part of a pixel that a fractional width leaves at the right edge.
        context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0).ok()?;
        match ground {
            Ground::None => {}
            Ground::Paper(RGBColor(red, green, blue)) => {
                context.set_fill_style_str(&format!("rgb({red},{green},{blue})"));
                context.fill_rect(0.0, 0.0, f64::from(device_w), f64::from(device_h));
            }
            Ground::Copy(other) => context.draw_image_with_html_canvas_element(other, 0.0, 0.0).ok()?,
        }
        let scale = ratio / FINE;
        context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0).ok()?;
        context.set_line_join("round");
        let inner = CanvasBackend::with_canvas_object(canvas.clone())?;
        Some(Self { onto: Onto::Canvas(inner, context), size: fine(w, h) })
    }

    /// An SVG file of a size in CSS pixels, written when the drawing is finished; `svg::shown_at` then sets its size.
    pub fn file(text: &'a mut String, w: f64, h: f64) -> Self {
        Self { onto: Onto::File(SVGBackend::with_string(text, fine(w, h))), size: fine(w, h) }
    }
}

fn fine(w: f64, h: f64) -> (u32, u32) {
    ((w * FINE) as u32, (h * FINE) as u32)
}

/// The same call on either surface.
macro_rules! on_either {
    ($self:ident, $surface:ident => $call:expr) => {
        match &mut $self.onto {
            Onto::Canvas($surface, _) => $call.map_err(|e| fault(&e)),
            Onto::File($surface) => $call.map_err(|e| fault(&e)),
        }
    };
}

impl DrawingBackend for Crisp<'_> {
    type ErrorType = Fault;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Answer<()> {
        Ok(())
    }

    fn present(&mut self) -> Answer<()> {
        on_either!(self, s => s.present())
    }

    fn draw_pixel(&mut self, at: (i32, i32), colour: plotters_backend::BackendColor) -> Answer<()> {
        on_either!(self, s => s.draw_pixel(at, colour))
    }

    fn draw_line<S: plotters_backend::BackendStyle>(
        &mut self,
        from: (i32, i32),
        to: (i32, i32),
        style: &S,
    ) -> Answer<()> {
        on_either!(self, s => s.draw_line(from, to, style))
    }

    fn draw_rect<S: plotters_backend::BackendStyle>(
        &mut self,
        upper_left: (i32, i32),
        bottom_right: (i32, i32),
        style: &S,
        fill: bool,
    ) -> Answer<()> {
        on_either!(self, s => s.draw_rect(upper_left, bottom_right, style, fill))
    }

    fn draw_path<S: plotters_backend::BackendStyle, I: IntoIterator<Item = (i32, i32)>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Answer<()> {
        on_either!(self, s => s.draw_path(path, style))
    }

    fn draw_circle<S: plotters_backend::BackendStyle>(
        &mut self,
        centre: (i32, i32),
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Answer<()> {
        on_either!(self, s => s.draw_circle(centre, radius, style, fill))
    }

    fn fill_polygon<S: plotters_backend::BackendStyle, I: IntoIterator<Item = (i32, i32)>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Answer<()> {
        on_either!(self, s => s.fill_polygon(path, style))
    }

    fn draw_text<S: plotters_backend::BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        at: (i32, i32),
    ) -> Answer<()> {
        on_either!(self, s => s.draw_text(text, style, at))
    }

    fn estimate_text_size<S: plotters_backend::BackendTextStyle>(&self, text: &str, style: &S) -> Answer<(u32, u32)> {
        // Nothing that is drawn into a file asks: its texts are anchored by whoever shows it.
        let Onto::Canvas(_, context) = &self.onto else { return Ok((0, style.size().ceil() as u32)) };
        let font = format!("{} {}px {}", style.style().as_str(), style.size(), style.family().as_str());
        let key = format!("{font}\n{text}");
        if let Some(size) = MEASURED.with_borrow(|m| m.get(&key).copied()) {
            return Ok(size);
        }
        context.set_font(&font);
        let width = context.measure_text(text).map_or(0.0, |m| m.width());
        let size = (width.ceil() as u32, style.size().ceil() as u32);
        MEASURED.with_borrow_mut(|m| m.insert(key, size));
        Ok(size)
    }
}

impl Surface for Crisp<'_> {
    fn draw_dashes(&mut self, points: &[(f64, f64)], style: &ShapeStyle, pattern: &[f64]) -> Answer<()> {
        let (inner, context) = match &mut self.onto {
            Onto::Canvas(inner, context) => (inner, context),
            Onto::File(file) => return cut(file, points, style, pattern).map_err(|e| fault(&e)),
        };
        let dash = |lengths: &[f64]| {
            let lengths: Array = lengths.iter().map(|l| Number::from(*l)).collect();
            // Refused only where a length is not a number: the line is then solid.
            let _ = context.set_line_dash(&lengths);
        };
        dash(pattern);
        let drawn = inner.draw_path(points.iter().map(|p| whole(*p)), style);
        dash(&[]);
        drawn.map_err(|e| fault(&e))
    }
}
