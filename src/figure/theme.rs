//! Colours, and the hue, dash and marker that tell the losses apart in every figure.

use plotters::style::RGBColor;

use super::sketch::direction;
use crate::loss::{Loss, Mu, Psi};

/// The colours of a drawing; on the page they are the style sheet's own variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// Behind everything.
    pub paper: RGBColor,
    /// Text and handles.
    pub ink: RGBColor,
    /// Secondary text, reference lines.
    pub soft: RGBColor,
    /// Hairlines.
    pub grid: RGBColor,
    /// Cursors.
    pub accent: RGBColor,
    /// Curves, one a loss, in the order of [`KEYS`].
    pub losses: [RGBColor; 6],
    /// The same hues where they are read as text.
    pub names: [RGBColor; 6],
}

/// Names of the loss colours, as the style sheet has them.
pub const KEYS: [&str; 6] = ["rlhf", "dpo", "ipo", "f-dpo", "typo", "qpo"];

/// How a loss's curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossStyle {
    /// The hue.
    pub colour: RGBColor,
    /// The hue of its name.
    pub name: RGBColor,
    /// Lengths of ink and gap in pixels; empty for a solid line.
    pub dash: &'static [f64],
    /// Pixels.
    pub width: f64,
    /// The end of a path.
    pub marker: Marker,
}

/// A small shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// RLHF.
    Square,
    /// DPO.
    Circle,
    /// IPO.
    Diamond,
    /// f-DPO.
    TriangleUp,
    /// TYPO.
    TriangleDown,
    /// Any other QPO loss.
    Hexagon,
}

impl Marker {
    /// Its corners, a circle's by a polygon that is one to the eye.
    pub fn corners(self, (x, y): (f64, f64), radius: f64) -> Vec<(f64, f64)> {
        // The first corner's direction, in steps of three degrees.
        let (corners, turn, size) = match self {
            Self::Square => (4, 15, 1.2),
            Self::Circle => (24, 0, 1.0),
            Self::Diamond => (4, 0, 1.35),
            Self::TriangleUp => (3, -30, 1.4),
            Self::TriangleDown => (3, 30, 1.4),
            Self::Hexagon => (6, 0, 1.15),
        };
        let corner = |k: i32| {
            let (dx, dy) = direction(turn + 120 / corners * k);
            (x + size * radius * dx, y + size * radius * dy)
        };
        (0..corners).map(corner).collect()
    }
}

impl Theme {
    /// Ink on paper.
    pub fn light() -> Self {
        Self {
            paper: rgb(0x00fc_fbf8),
            ink: rgb(0x001b_1c1e),
            soft: rgb(0x005f_5e5a),
            grid: rgb(0x00e6_e4dd),
            accent: rgb(0x000c_7a74),
            losses: [0x006f_6f78, 0x000b_66b2, 0x00b0_6f00, 0x000a_8a63, 0x00d1_490c, 0x007b_3fa0].map(rgb),
            names: [0x005d_5d66, 0x000b_5fa6, 0x008a_5600, 0x0008_714f, 0x00b8_3d07, 0x007b_3fa0].map(rgb),
        }
    }

    /// Light on dark.
    pub fn dark() -> Self {
        Self {
            paper: rgb(0x0012_1416),
            ink: rgb(0x00ec_e9e2),
            soft: rgb(0x00a5_a29b),
            grid: rgb(0x002a_2d30),
            accent: rgb(0x004f_b3ad),
            losses: [0x00a8_a8b3, 0x005f_a8e8, 0x00e0_a03a, 0x003f_c39a, 0x00ff_7a45, 0x00c3_93e6].map(rgb),
            names: [0x00b4_b4be, 0x006f_b2ee, 0x00e0_a03a, 0x003f_c39a, 0x00ff_8a5a, 0x00c3_93e6].map(rgb),
        }
    }

    /// From named colours such as `paper` or `loss-dpo`, each `#rrggbb`; what is missing stays light.
    pub fn from_names(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let light = Self::light();
        let get = |name: &str, or: RGBColor| lookup(name).and_then(|text| parse(&text)).unwrap_or(or);
        let hues = |kind: &str, mut colours: [RGBColor; 6]| {
            for (key, colour) in KEYS.iter().zip(&mut colours) {
                *colour = get(&format!("{kind}-{key}"), *colour);
            }
            colours
        };
        Self {
            paper: get("paper", light.paper),
            ink: get("ink", light.ink),
            soft: get("soft", light.soft),
            grid: get("grid", light.grid),
            accent: get("accent", light.accent),
            losses: hues("loss", light.losses),
            names: hues("text", light.names),
        }
    }

    /// The style of a loss's curves.
    pub fn style(&self, loss: Loss) -> LossStyle {
        let (place, dash, width, marker): (usize, &'static [f64], f64, Marker) = match loss {
            Loss::Rlhf(_) => (0, &[7.0, 4.0], 2.0, Marker::Square),
            Loss::Dpo => (1, &[], 2.0, Marker::Circle),
            Loss::Ipo => (2, &[9.0, 3.5, 2.0, 3.5], 2.0, Marker::Diamond),
            Loss::FDpo(_) => (3, &[2.5, 3.0], 2.25, Marker::TriangleUp),
            Loss::Typo => (4, &[], 3.0, Marker::TriangleDown),
            Loss::Qpo(psi, mu) => (5, dash_of(psi, mu), 2.0, Marker::Hexagon),
        };
        LossStyle { colour: self.losses[place], name: self.names[place], dash, width, marker }
    }
}

/// Dashes tell QPO losses of one page apart: a pattern a ψ, opened by a dot where μ is not the logarithm.
fn dash_of(psi: Psi, mu: Mu) -> &'static [f64] {
    const PLAIN: [&[f64]; 7] = [
        &[16.0, 3.0],
        &[5.0, 2.0],
        &[12.0, 4.0],
        &[9.0, 2.0],
        &[14.0, 3.0, 4.0, 3.0],
        &[7.0, 2.0, 7.0, 6.0],
        &[18.0, 6.0],
    ];
    const DOTTED: [&[f64]; 7] = [
        &[1.5, 3.0, 16.0, 3.0],
        &[1.5, 2.5, 5.0, 2.5],
        &[1.5, 3.0, 12.0, 4.0],
        &[1.5, 2.5, 9.0, 2.5],
        &[1.5, 3.0, 14.0, 3.0, 4.0, 3.0],
        &[1.5, 3.0, 7.0, 2.0, 7.0, 6.0],
        &[1.5, 3.0, 18.0, 6.0],
    ];
    let place = Psi::ALL.iter().position(|p| *p == psi).unwrap_or(0);
    if mu == Mu::Log { PLAIN[place] } else { DOTTED[place] }
}

fn rgb(hex: u32) -> RGBColor {
    let [_, r, g, b] = hex.to_be_bytes();
    RGBColor(r, g, b)
}

fn parse(text: &str) -> Option<RGBColor> {
    let digits = text.trim().strip_prefix('#')?;
    (digits.len() == 6).then(|| u32::from_str_radix(digits, 16).ok().map(rgb)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::divergence::Divergence;

    #[test]
    fn the_style_sheet_has_the_same_colours() {
        let sheet = include_str!("../../www/style.css");
        // Each is written once, as `--name: light-dark(#aabbcc, #ddeeff);`.
        let written = |name: &str| {
            let (_, rest) = sheet.split_once(&format!("--{name}: light-dark("))?;
            rest.split_once(')')?.0.split_once(", ")
        };
        let light = Theme::from_names(|name| written(name).map(|(on_light, _)| on_light.to_owned()));
        let dark = Theme::from_names(|name| written(name).map(|(_, on_dark)| on_dark.to_owned()));
        assert_eq!(light, Theme::light());
        assert_eq!(dark, Theme::dark());
    }

    #[test]
    fn no_two_qpo_losses_of_different_shape_are_dashed_alike() {
        let mus = [Mu::Log, Mu::FPrime(Divergence::ForwardKl)];
        let all: Vec<_> = Psi::ALL.iter().flat_map(|psi| mus.map(|mu| dash_of(*psi, mu))).collect();
        for (k, dash) in all.iter().enumerate() {
            assert!(!all[..k].contains(dash), "{dash:?}");
        }
    }
}
