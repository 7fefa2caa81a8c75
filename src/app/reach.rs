//! Arrow keys: where they lead, and which value of a figure lies next that way.

use web_sys::KeyboardEvent;

use super::drawing::Drawing;
use crate::figure::Reading;
use crate::figure::reading::NEAR;

/// The direction of an arrow key, to the right and downwards.
fn way(key: &str) -> Option<(f64, f64)> {
    Some(match key {
        "ArrowLeft" => (-1.0, 0.0),
        "ArrowRight" => (1.0, 0.0),
        "ArrowUp" => (0.0, -1.0),
        "ArrowDown" => (0.0, 1.0),
        _ => return None,
    })
}

/// The direction of an arrow key that is held alone or with shift: with another key it is the browser's.
pub fn plain_way(e: &KeyboardEvent) -> Option<(f64, f64)> {
    if e.ctrl_key() || e.alt_key() || e.meta_key() { None } else { way(&e.key()) }
}

/// CSS pixels between the places of a figure that are looked at: less than a pointer may be off.
const STEP: f64 = 8.0;
/// What a pixel beside the way counts, in pixels along it: a curve is followed rather than left.
const BESIDE: f64 = 3.0;

/// The nearest reading that way from a place, or from the middle of the left edge where nothing is read yet.
///
/// Looks outward, and no further than where something nearer could still be.
pub fn next(drawing: &Drawing, width: f64, from: Option<(f64, f64)>, (dx, dy): (f64, f64)) -> Option<Reading> {
    let height = drawing.height(width).round();
    let (x, y) = from.unwrap_or((0.0, 0.5 * height));
    let mut best: Option<(f64, Reading)> = None;
    let nearer = |cost: f64, best: &Option<(f64, Reading)>| best.as_ref().is_none_or(|(least, _)| cost < *least);
    for ahead in (1..).map(|k| STEP * f64::from(k)) {
        let (px, py) = (x + ahead * dx, y + ahead * dy);
        if !(0.0..=width).contains(&px) || !(0.0..=height).contains(&py) || !nearer(ahead - NEAR, &best) {
            break;
        }
        // Twice as far aside as ahead.
        for aside in (0..=2 * (ahead / STEP) as i32 + 3).map(|k| STEP * f64::from(k)) {
            if !nearer(ahead - NEAR + BESIDE * (aside - NEAR), &best) {
                break;
            }
            for side in [aside, -aside] {
                let Some(found) = drawing.reading(width, (px + side * dy, py + side * dx)) else { continue };
                let (a, b) = (found.at.0 - x, found.at.1 - y);
                let (along, across) = (a * dx + b * dy, (a * dy - b * dx).abs());
                let cost = along + BESIDE * across;
                if along > 0.5 && nearer(cost, &best) {
                    best = Some((cost, found));
                }
            }
        }
    }
    best.map(|(_, reading)| reading)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::figure::distance::{Curve, Distances};
    use crate::loss::Loss;

    /// One curve a loss, each higher than the one before.
    fn figure() -> Drawing {
        let alphas: Vec<f64> = (0..61).map(|k| 0.001 * f64::from(k)).collect();
        let curve = |(k, loss)| Curve {
            loss,
            nats: (0..61).map(|i| 0.2 * f64::from(k) + 0.002 * f64::from(i) + 0.05).collect(),
            at_cursor: None,
            dimmed: false,
        };
        let curves = (0..).zip(Loss::ALL).map(curve).collect();
        Drawing::Distances(Distances::over_alpha(curves, &alphas, "nats"))
    }

    /// Everything read from a place in steps one way.
    fn walk(drawing: &Drawing, mut from: Option<(f64, f64)>, key: &str) -> Vec<Reading> {
        let way = way(key).expect("an arrow");
        let step = || {
            let found = next(drawing, 700.0, from, way)?;
            from = Some(found.at);
            Some(found)
        };
        std::iter::from_fn(step).collect()
    }

    #[test]
    fn right_follows_a_curve_to_its_end_and_left_back_again() {
        let drawing = figure();
        let there = walk(&drawing, None, "ArrowRight");
        assert!(there.len() > 20 && there.windows(2).all(|w| w[0].at.0 < w[1].at.0));
        assert!(there.iter().all(|r| r.loss == there[0].loss), "a curve that never meets another is not left");
        let back = walk(&drawing, there.last().map(|r| r.at), "ArrowLeft");
        assert_eq!(back.last().map(|r| &r.text), there.first().map(|r| &r.text));
    }

    #[test]
    fn up_and_down_reach_every_loss() {
        let drawing = figure();
        let lowest = walk(&drawing, walk(&drawing, None, "ArrowRight").get(10).map(|r| r.at), "ArrowDown");
        let all: BTreeSet<_> = walk(&drawing, lowest.last().map(|r| r.at), "ArrowUp")
            .iter()
            .chain(&lowest)
            .filter_map(|r| r.loss.map(Loss::key))
            .collect();
        assert_eq!(all.len(), Loss::ALL.len());
        assert_eq!(way("a"), None);
    }
}
