//! A figure as data: what a canvas shows. Equal data need no new drawing.

use plotters::prelude::DrawingBackend;

use crate::figure::distance::Distances;
use crate::figure::panels::{self, Panels};
use crate::figure::triangle::Triangle;
use crate::figure::{Region, Sketch, Theme};

/// Any figure of the page.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawing {
    Triangle(Triangle),
    Panels(Panels),
    Distances(Distances),
}

impl Drawing {
    /// The height that a width asks for, in CSS pixels.
    pub fn height(&self, width: f64) -> f64 {
        match self {
            Self::Triangle(_) => (width * 0.92).clamp(250.0, 460.0),
            Self::Panels(p) => panels::height(width, p.panels.len(), if width < 420.0 { 96.0 } else { 128.0 }),
            Self::Distances(_) => (width * 0.62).clamp(240.0, 340.0),
        }
    }

    /// Draws it.
    pub fn draw<DB: DrawingBackend>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        match self {
            Self::Triangle(t) => t.draw(s, theme, r),
            Self::Panels(p) => p.draw(s, theme, r),
            Self::Distances(d) => d.draw(s, theme, r),
        }
    }
}
