//! A figure as data: what a canvas shows. Equal data need no new drawing.

use crate::figure::arrows::Field;
use crate::figure::distance::Distances;
use crate::figure::envelope::Envelope;
use crate::figure::margins::Margins;
use crate::figure::panels::{self, Panels};
use crate::figure::policies::Policies;
use crate::figure::progress::Progress;
use crate::figure::shapes::Penalties;
use crate::figure::triangle::Triangle;
use crate::figure::{Reading, Region, Sketch, Surface, Theme};
use crate::story::Target;

/// Any figure of the page.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawing {
    Triangle(Triangle),
    Panels(Panels),
    Distances(Distances),
    Policies(Policies),
    Margins(Margins),
    Field(Field),
    Penalties(Penalties),
    Envelope(Envelope),
    Progress(Progress),
}

/// What of a figure is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    All,
    /// All but the cursors.
    Still,
    Cursors,
}

impl Drawing {
    /// What a step of the tour calls it.
    pub fn target(&self) -> Option<Target> {
        if let Self::Panels(p) = self {
            let is_training = matches!(p.along, panels::Along::Steps);
            Some(if is_training { Target::Learning } else { Target::Curves })
        } else if matches!(self, Self::Distances(_)) {
            Some(Target::Distances)
        } else {
            matches!(self, Self::Triangle(_) | Self::Policies(_)).then_some(Target::Triangle)
        }
    }

    /// The height that a width asks for, in CSS pixels.
    pub fn height(&self, width: f64) -> f64 {
        match self {
            Self::Triangle(_) => (width * 0.92).clamp(250.0, 460.0),
            Self::Panels(p) => panels::height(width, p.room),
            Self::Policies(p) => p.height(),
            Self::Field(_) => (width * 0.94).clamp(250.0, 400.0),
            Self::Margins(_) | Self::Penalties(_) | Self::Envelope(_) => (width * 0.55).clamp(260.0, 340.0),
            Self::Progress(_) => (width * 0.6).clamp(150.0, 220.0),
            Self::Distances(_) => (width * 0.62).clamp(240.0, 340.0),
        }
    }

    /// What stands under a pixel of the figure at a width.
    pub fn reading(&self, width: f64, at: (f64, f64)) -> Option<Reading> {
        let r = Region::of(width, self.height(width).round());
        match self {
            Self::Triangle(t) => t.reading(r, at),
            Self::Panels(p) => p.reading(r, at),
            Self::Distances(d) => d.reading(r, at),
            Self::Margins(m) => m.reading(r, at),
            Self::Envelope(e) => e.reading(r, at),
            Self::Policies(p) => p.reading(r, at),
            Self::Field(f) => f.reading(r, at),
            Self::Penalties(p) => p.reading(r, at),
            Self::Progress(p) => p.reading(r, at),
        }
    }

    /// Whether it shows runs of training.
    pub fn is_learning(&self) -> bool {
        self.target() == Some(Target::Learning)
    }

    /// Whether its panels are those of another, if beside other policies.
    pub fn has_panels_of(&self, before: &Self) -> bool {
        matches!((self, before), (Self::Panels(now), Self::Panels(before)) if now.panels == before.panels)
    }

    /// Whether nothing but cursors has moved, over curves that stay as they are.
    pub fn is_still(&self, before: &Self) -> bool {
        matches!((self, before), (Self::Panels(now), Self::Panels(before)) if now.is_still(before))
    }

    /// Draws a layer of it. Figures that never are [still](Self::is_still) have but one.
    pub fn draw_layer<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region, layer: Layer) {
        match (self, layer) {
            (Self::Panels(p), Layer::Still) => p.draw_still(s, theme, r),
            (Self::Panels(p), Layer::Cursors) => p.draw_cursors(s, theme, r),
            _ => self.draw(s, theme, r),
        }
    }

    /// Draws it.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        match self {
            Self::Triangle(t) => t.draw(s, theme, r),
            Self::Panels(p) => p.draw(s, theme, r),
            Self::Distances(d) => d.draw(s, theme, r),
            Self::Policies(p) => p.draw(s, theme, r),
            Self::Margins(m) => m.draw(s, theme, r),
            Self::Field(f) => f.draw(s, theme, r),
            Self::Penalties(p) => p.draw(s, theme, r),
            Self::Envelope(e) => e.draw(s, theme, r),
            Self::Progress(p) => p.draw(s, theme, r),
        }
    }
}
