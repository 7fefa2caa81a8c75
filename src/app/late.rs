//! What may follow the figures. While a hand slides, they answer it first: the bar, verdicts, tables, controls and what the page tells
//! in words are brought up to date in tasks of their own, which browsers that hand moves over with their frames get to once
//! such a frame is done; where moves come faster, only for the newest. What is pressed is answered at once, and everywhere.

use gloo::timers::callback::Timeout;
use yew::prelude::*;

use super::controls::{Controls, use_lists};
use super::panels::header::header;
use super::panels::summary::Summary;
use super::views::{ViewProps, tables, verdicts};
use super::{patience, tour, words};

/// A part of the page that comes after the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The bar above it.
    Header,
    /// A view's verdicts.
    Verdicts,
    /// Its curves in numbers.
    Tables,
    /// What the reader sets.
    Controls,
    /// What is told in words, to those who hear the page and on paper.
    Accounts,
}

#[derive(Properties, PartialEq)]
pub struct LateProps {
    pub part: Part,
    /// What it shows.
    pub of: ViewProps,
}

/// A part of the page, as it was until its turn has come.
pub struct Late {
    due: Option<Timeout>,
}

impl Component for Late {
    type Message = ();
    type Properties = LateProps;

    fn create(_: &Context<Self>) -> Self {
        Self { due: None }
    }

    fn changed(&mut self, ctx: &Context<Self>, _: &LateProps) -> bool {
        self.later_if(ctx, ctx.props().of.state.is_sliding())
    }

    fn update(&mut self, ctx: &Context<Self>, (): ()) -> bool {
        self.due = None;
        // A thumb that is ahead of the state must not be put back.
        self.later_if(ctx, patience::holds_a_move())
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let LateProps { part, of } = ctx.props();
        match part {
            Part::Header => header(of),
            Part::Verdicts => verdicts(of),
            Part::Tables => tables(of),
            Part::Controls => html! { <Controls ..of.clone() /> },
            Part::Accounts => html! { <Accounts ..of.clone() /> },
        }
    }
}

impl Late {
    /// Whether it is shown anew at once; otherwise it will be.
    fn later_if(&mut self, ctx: &Context<Self>, is_later: bool) -> bool {
        if is_later {
            let link = ctx.link().clone();
            self.due.get_or_insert_with(|| Timeout::new(0, move || link.send_message(())));
        } else {
            self.due = None;
        }
        !is_later
    }
}

/// What is told of the page beside what it shows; its drop-down lists follow what is chosen.
#[component]
fn Accounts(ViewProps { state, exact, .. }: &ViewProps) -> Html {
    use_lists();
    html! {
        <>
            <p class="printed">{ words::experiment(state) }</p>
            <Summary text={tour::summary(state).unwrap_or_else(|| words::summary(state, exact))} />
        </>
    }
}
