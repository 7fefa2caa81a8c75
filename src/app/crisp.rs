//! A canvas that is crisp at any pixel ratio, as a plotters backend.
//!
//! plotters-canvas draws the strokes. What it lacks is added: the transform from a sketch's fine units to device pixels,
//! round joins, and text measured by the canvas itself (its own way inserts an element, which forces a reflow and breaks
//! under a strict content-security-policy).

use std::cell::RefCell;
use std::collections::HashMap;

use plotters::prelude::DrawingBackend;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::figure::sketch::FINE;

type Drawn<T> = Result<T, plotters_backend::DrawingErrorKind<<CanvasBackend as DrawingBackend>::ErrorType>>;

thread_local! {
    /// Widths and heights of texts by font.
    static MEASURED: RefCell<HashMap<String, (u32, u32)>> = RefCell::new(HashMap::new());
}

/// See the module.
pub struct Crisp {
    inner: CanvasBackend,
    context: CanvasRenderingContext2d,
    size: (u32, u32),
}

impl Crisp {
    /// Prepares a canvas of a size in CSS pixels. None where the browser gives no 2-D context.
    pub fn new(canvas: &HtmlCanvasElement, w: f64, h: f64, ratio: f64) -> Option<Self> {
        let (device_w, device_h) = ((w * ratio).round() as u32, (h * ratio).round() as u32);
        if canvas.width() != device_w || canvas.height() != device_h {
            canvas.set_width(device_w);
            canvas.set_height(device_h);
        }
        let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        // The whole surface, also the part of a pixel that a fractional width leaves at the right edge.
        context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0).ok()?;
        context.clear_rect(0.0, 0.0, f64::from(device_w), f64::from(device_h));
        let scale = ratio / FINE;
        context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0).ok()?;
        context.set_line_join("round");
        let inner = CanvasBackend::with_canvas_object(canvas.clone())?;
        Some(Self { inner, context, size: ((w * FINE) as u32, (h * FINE) as u32) })
    }
}

impl DrawingBackend for Crisp {
    type ErrorType = <CanvasBackend as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn<()> {
        Ok(())
    }

    fn present(&mut self) -> Drawn<()> {
        Ok(())
    }

    fn draw_pixel(&mut self, at: (i32, i32), colour: plotters_backend::BackendColor) -> Drawn<()> {
        self.inner.draw_pixel(at, colour)
    }

    fn draw_line<S: plotters_backend::BackendStyle>(
        &mut self,
        from: (i32, i32),
        to: (i32, i32),
        style: &S,
    ) -> Drawn<()> {
        self.inner.draw_line(from, to, style)
    }

    fn draw_rect<S: plotters_backend::BackendStyle>(
        &mut self,
        upper_left: (i32, i32),
        bottom_right: (i32, i32),
        style: &S,
        fill: bool,
    ) -> Drawn<()> {
        self.inner.draw_rect(upper_left, bottom_right, style, fill)
    }

    fn draw_path<S: plotters_backend::BackendStyle, I: IntoIterator<Item = (i32, i32)>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn<()> {
        self.inner.draw_path(path, style)
    }

    fn draw_circle<S: plotters_backend::BackendStyle>(
        &mut self,
        centre: (i32, i32),
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn<()> {
        self.inner.draw_circle(centre, radius, style, fill)
    }

    fn fill_polygon<S: plotters_backend::BackendStyle, I: IntoIterator<Item = (i32, i32)>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn<()> {
        self.inner.fill_polygon(path, style)
    }

    fn draw_text<S: plotters_backend::BackendTextStyle>(&mut self, text: &str, style: &S, at: (i32, i32)) -> Drawn<()> {
        self.inner.draw_text(text, style, at)
    }

    fn estimate_text_size<S: plotters_backend::BackendTextStyle>(&self, text: &str, style: &S) -> Drawn<(u32, u32)> {
        let font = format!("{} {}px {}", style.style().as_str(), style.size(), style.family().as_str());
        let key = format!("{font}\n{text}");
        if let Some(size) = MEASURED.with_borrow(|m| m.get(&key).copied()) {
            return Ok(size);
        }
        self.context.set_font(&font);
        let width = self.context.measure_text(text).map_or(0.0, |m| m.width());
        let size = (width.ceil() as u32, style.size().ceil() as u32);
        MEASURED.with_borrow_mut(|m| m.insert(key, size));
        Ok(size)
    }
}
