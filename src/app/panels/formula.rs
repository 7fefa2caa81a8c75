//! The losses as formulas, in MathML, which browsers set by themselves.

use yew::prelude::*;

use self::Part::{Name, Over, Ratio, Sign, Under};
use crate::loss::Loss;

/// A piece of a formula.
enum Part {
    Name(&'static str),
    Sign(&'static str),
    Under(&'static str, &'static str),
    Over(&'static [Part], &'static str),
    Ratio(&'static [Part], &'static [Part]),
}

const W: Part = Under("y", "w");
const L: Part = Under("y", "l");
const OPEN: Part = Sign("(");
const CLOSE: Part = Sign(")");
const PI_W: &[Part] = &[Name("π"), OPEN, W, CLOSE];
const PI_L: &[Part] = &[Name("π"), OPEN, L, CLOSE];
const REF_W: &[Part] = &[Under("π", "ref"), OPEN, W, CLOSE];
const REF_L: &[Part] = &[Under("π", "ref"), OPEN, L, CLOSE];
const WON: Part = Ratio(PI_W, REF_W);
const LOST: Part = Ratio(PI_L, REF_L);

const RLHF: &[Part] = &[
    Under("𝔼", "y∼π"),
    Sign("["),
    Sign("−"),
    Name("r"),
    OPEN,
    Name("y"),
    CLOSE,
    Sign("]"),
    Sign("+"),
    Name("λ"),
    Name("KL"),
    OPEN,
    Name("π"),
    Sign("∥"),
    Under("π", "ref"),
    CLOSE,
];
const DPO: &[Part] = &[
    Sign("−"),
    Name("log"),
    Name("σ"),
    OPEN,
    Name("λ"),
    Name("log"),
    WON,
    Sign("−"),
    Name("λ"),
    Name("log"),
    LOST,
    CLOSE,
];
const IPO: &[Part] = &[Over(
    &[
        OPEN,
        Name("log"),
        WON,
        Sign("−"),
        Name("log"),
        LOST,
        Sign("−"),
        Ratio(&[Name("1")], &[Name("2"), Name("λ")]),
        CLOSE,
    ],
    "2",
)];
const F_DPO: &[Part] = &[
    Sign("−"),
    Name("log"),
    Name("σ"),
    OPEN,
    Name("λ"),
    Name("f′"),
    OPEN,
    WON,
    CLOSE,
    Sign("−"),
    Name("λ"),
    Name("f′"),
    OPEN,
    LOST,
    CLOSE,
    CLOSE,
];
const TYPO: &[Part] = &[
    Name("log"),
    OPEN,
    Name("1"),
    Sign("+"),
    Ratio(PI_L, PI_W),
    CLOSE,
    Sign("+"),
    Name("λ"),
    Name("KL"),
    OPEN,
    Under("π", "ref"),
    Sign("∥"),
    Name("π"),
    CLOSE,
];
const QPO: &[Part] = &[
    Name("ψ"),
    OPEN,
    Name("μ"),
    Sign("["),
    WON,
    Sign("]"),
    Sign("−"),
    Name("μ"),
    Sign("["),
    LOST,
    Sign("]"),
    Sign(","),
    Name("λ"),
    CLOSE,
];

/// A loss's formula with its place in the paper: of a pair whose y_w was preferred to y_l, or of a prompt.
pub fn formula(loss: Loss) -> Html {
    let (parts, place) = match loss {
        Loss::Rlhf(_) => (RLHF, "(4)"),
        Loss::Dpo => (DPO, "(7)"),
        Loss::Ipo => (IPO, "(10)"),
        Loss::FDpo(_) => (F_DPO, "section 2.4"),
        Loss::Typo => (TYPO, "(14), (16), (17)"),
        Loss::Qpo(..) => (QPO, "(11)"),
    };
    html! { <p class="formula"><math>{ row(parts) }</math>{ " " }<span class="soft">{ place }</span></p> }
}

fn row(parts: &[Part]) -> Html {
    html! { <mrow>{ for parts.iter().map(one) }</mrow> }
}

fn one(part: &Part) -> Html {
    let name = |text: &'static str| match text.parse::<u32>() {
        Ok(_) => html! { <mn>{ text }</mn> },
        Err(_) => html! { <mi>{ text }</mi> },
    };
    match *part {
        Name(text) => name(text),
        Sign(text) => html! { <mo>{ text }</mo> },
        Under(base, below) => html! { <msub>{ name(base) }{ name(below) }</msub> },
        Over(base, above) => html! { <msup>{ row(base) }{ name(above) }</msup> },
        Ratio(top, bottom) => html! { <mfrac>{ row(top) }{ row(bottom) }</mfrac> },
    }
}
