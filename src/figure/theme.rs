//! Colours, and the hue, dash and marker that tell the losses apart in every figure.

use plotters::style::RGBColor;

use crate::loss::Loss;

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
            Loss::Qpo(..) => (5, &[12.0, 4.0], 2.0, Marker::Hexagon),
        };
        LossStyle { colour: self.losses[place], name: self.names[place], dash, width, marker }
    }
}

fn rgb(hex: u32) -> RGBColor {
    let [_, r, g, b] = hex.to_be_bytes();
    RGBColor(r, g, b)
}

fn parse(text: &str) -> Option<RGBColor> {
    let digits = text.trim().strip_prefix('#')?;
    (digits.len() == 6).then(|| u32::from_str_radix(digits, 16).ok().map(rgb)).flatten()
}
