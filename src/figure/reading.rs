//! What stands under the pointer: the loss whose curve is nearest, and its value there.

use crate::loss::Loss;

/// How near a curve the pointer must be, in CSS pixels.
pub const NEAR: f64 = 14.0;

/// A value read off a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Whose curve; none where it is no loss's own.
    pub loss: Option<Loss>,
    /// The value in words.
    pub text: String,
    /// Where it is drawn, in CSS pixels.
    pub at: (f64, f64),
}

/// The nearest of some points to the pointer, with its distance.
pub fn nearest(points: impl Iterator<Item = (f64, f64)>, (x, y): (f64, f64)) -> Option<(usize, (f64, f64), f64)> {
    points
        .enumerate()
        .map(|(k, p)| (k, p, (p.0 - x).hypot(p.1 - y)))
        .filter(|(.., d)| d.is_finite())
        .min_by(|a, b| a.2.total_cmp(&b.2))
}

/// A number for a reading: four digits.
pub fn digits(v: f64) -> String {
    if v != 0.0 && v.abs() < 1e-3 { format!("{v:.1e}") } else { format!("{v:.3}") }
}
