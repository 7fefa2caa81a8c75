//! The curves and arrows of the view of shapes as lines of numbers: what is saved as CSV where no sweep is on screen.

use super::drawing::Drawing;
use super::painter;
use crate::figure::action_name;
use crate::figure::arrows::Field;
use crate::figure::distance::{Along, Distances};
use crate::figure::envelope::Envelope;
use crate::figure::margins::{Margins, Shows};
use crate::figure::progress::Progress;
use crate::figure::shapes::{GAMMAS, Penalties, penalty};

/// A point: its curve's figure, its curve, what lies along x, and both numbers.
type Point = (String, String, &'static str, f64, f64);

/// The figures on screen, a line a point.
pub fn csv() -> String {
    let mut text = "figure,curve,along,x,value\n".to_owned();
    for (_, drawing) in painter::figures() {
        for (figure, curve, along, x, value) in points(&drawing) {
            text.push_str(&format!("{},{},{along},{x},{value}\n", quoted(&figure), quoted(&curve)));
        }
    }
    text
}

/// A field of CSV.
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn points(drawing: &Drawing) -> Vec<Point> {
    match drawing {
        Drawing::Margins(m) => margins(m),
        Drawing::Field(f) => field(f),
        Drawing::Penalties(p) => penalties(p),
        Drawing::Envelope(e) => envelope(e),
        Drawing::Distances(d) => distances(d),
        Drawing::Progress(p) => progress(p),
        // Their numbers are in the tables of runs and of sweeps.
        Drawing::Triangle(_) | Drawing::Panels(_) | Drawing::Policies(_) => Vec::new(),
    }
}

fn margins(m: &Margins) -> Vec<Point> {
    let figure = if m.shows == Shows::Value { "psi" } else { "slope of psi" };
    let of = |c: &crate::figure::margins::Curve| {
        let name = c.name();
        m.points(*c).into_iter().map(move |(v, value)| (figure.to_owned(), name.to_owned(), "margin", v, value))
    };
    m.curves.iter().flat_map(of).collect()
}

fn progress(p: &Progress) -> Vec<Point> {
    let of = |c: &crate::figure::progress::Curve| {
        let (label, name) = (p.label, c.loss.label());
        let point = move |(step, value): (f64, f64)| (label.to_owned(), name.to_owned(), "step", step, value);
        c.points.clone().into_iter().map(point)
    };
    p.curves.iter().flat_map(of).collect()
}

/// An arrow is three numbers: where each action's probability goes.
fn field(f: &Field) -> Vec<Point> {
    let figure = format!("arrows of {}", f.loss.label());
    let of = |(k, a): (usize, &crate::figure::arrows::Arrow)| {
        let [p, q, r] = a.pi;
        let curve = format!("{}, d pi_{} at ({p:.1} {q:.1} {r:.1})", f.part, action_name(k));
        (figure.clone(), curve, "pi", a.pi[k], a.way[k])
    };
    f.arrows.iter().flat_map(|a| (0..3).map(move |k| of((k, a)))).collect()
}

fn penalties(p: &Penalties) -> Vec<Point> {
    let places = (-100..=100).map(|k| f64::from(k) / 100.0);
    let of = |gamma: f64| {
        places.clone().map(move |u| ("penalty".to_owned(), format!("gamma = {gamma}"), "u", u, penalty(u, gamma)))
    };
    p.gamma.into_iter().chain(GAMMAS).flat_map(of).collect()
}

fn envelope(e: &Envelope) -> Vec<Point> {
    let curve = |name: String, values: &[f64]| {
        let line = |(o, v): (&f64, &f64)| ("two Gaussians".to_owned(), name.clone(), "log-odds", *o, *v);
        e.log_odds.iter().zip(values).map(line).collect::<Vec<Point>>()
    };
    let fixed = e.fixed.iter().enumerate().map(|(k, values)| curve(format!("fixed variance {}", k + 1), values));
    let both = [curve("DPO".to_owned(), &e.dpo), curve("best variance".to_owned(), &e.fitted)];
    both.into_iter().chain(fixed).flatten().collect()
}

fn distances(d: &Distances) -> Vec<Point> {
    let along = if d.along == Along::LogLambda { "lambda" } else { "alpha" };
    let of = |c: &crate::figure::distance::Curve| {
        let name = c.loss.label();
        let line = |(x, v): (&f64, &f64)| (d.label.to_owned(), name.to_owned(), along, *x, *v);
        d.x.iter().zip(&c.nats).map(line).collect::<Vec<_>>()
    };
    d.curves.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::margins::Curve;
    use crate::loss::{Loss, Psi};

    #[test]
    fn a_figure_is_its_own_numbers() {
        let curve = Curve { psi: Psi::Logistic, lambda: 0.5, loss: Some(Loss::Dpo), dimmed: false };
        let all = points(&Drawing::Margins(Margins { curves: vec![curve], shows: Shows::Value }));
        assert!(all.iter().any(|p| p.1 == "DPO" && p.3 == 0.0 && p.4 == 1.0));
        let gauss = points(&Drawing::Envelope(Envelope::new(-0.7, 1.0)));
        assert_eq!(
            gauss.iter().filter(|p| p.1 == "DPO").count(),
            gauss.iter().filter(|p| p.1 == "best variance").count()
        );
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
