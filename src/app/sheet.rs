//! The view's figures on one sheet, as they stand on screen with headline, titles and legend: what is saved as SVG and PNG.

use std::rc::Rc;

use gloo::utils::document;
use plotters::prelude::IntoDrawingArea;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlCanvasElement, Node};

use super::crisp::{Crisp, Ground};
use super::drawing::Drawing;
use super::elements::{all, canvas};
use super::{painter, words};
use crate::figure::sketch::{Anchor, Stroke, Type};
use crate::figure::{Region, Sketch, Surface, Theme, svg};
use crate::simplex::ascending;
use crate::spec::LossSpec;

/// White space around everything.
const EDGE: f64 = 20.0;
/// Greatest height that holds nothing, such as where controls stood.
const GAP: f64 = 18.0;
const HEADLINE: f64 = 24.0;
/// A little smaller than on screen, so that wider fonts keep clear of the note beside.
const TITLE: f64 = 14.5;
const NOTE: f64 = 12.8;
const ENTRY: f64 = 13.0;
/// Lines apart, as a share of the letters' size.
const LEADING: f64 = 1.3;
/// Width of a letter on average, as a share of its size: only what is drawn knows its fonts, and that may be elsewhere.
const LETTER: f64 = 0.53;

/// What stands on a sheet.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Figure(Rc<Drawing>),
    Title(String),
    /// Beside a title, quietly.
    Note(String),
    /// A loss of the legend, with the width of its line.
    Entry(LossSpec, f64),
}

/// A sheet in CSS pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    headline: Vec<String>,
    items: Vec<(Region, Item)>,
    size: (f64, f64),
}

impl Sheet {
    /// The sheet of the view on screen; none where it shows no figure. `losses` are the legend's, in its order.
    pub fn of_page(losses: &[LossSpec]) -> Option<Self> {
        let main = document().get_element_by_id("main")?;
        let mut items: Vec<(Region, Item)> = painter::figures()
            .into_iter()
            .filter(|(canvas, _)| main.contains(Some(canvas)))
            .map(|(canvas, drawing)| (place(&canvas), Item::Figure(drawing)))
            .filter(|(at, _)| at.w > 0.0)
            .collect();
        if items.is_empty() {
            return None;
        }
        for title in all(&main, ".figures h2, .shape h2, .shape h3") {
            let at = place(&title);
            // That of a figure which has nothing to show yet is not on screen.
            if at.w > 0.0 {
                items.push((at, Item::Title(spoken(&title, false))));
                items.extend(all(&title, "small").map(|s| (last_line(place(&s)), Item::Note(spoken(&s, true)))));
            }
        }
        let lines = all(&main, ".legend .swatch").map(|e| place(&e));
        items.extend(lines.zip(losses).map(|(at, l)| (at, Item::Entry(*l, at.w))));
        let headline = all(&main, "h1").next().map_or_else(String::new, |h| spoken(&h, true));
        Some(Self::new(&headline, items))
    }

    /// Lays items out: what is on screen between them and holds nothing is closed up.
    fn new(headline: &str, mut items: Vec<(Region, Item)>) -> Self {
        let left = items.iter().map(|(r, _)| r.x).fold(f64::INFINITY, f64::min);
        let width = items.iter().map(|(r, _)| r.right() - left).fold(0.0, f64::max);
        let headline = wrapped(headline, width, HEADLINE);
        let top = EDGE + headline.len() as f64 * HEADLINE * LEADING + GAP;
        let downwards = ascending(&items.iter().map(|(r, _)| r.y).collect::<Vec<_>>());
        // How far down the screen is taken, and where that is on the sheet.
        let (mut taken, mut end) = (downwards.first().map_or(0.0, |k| items[*k].0.y), top);
        for k in downwards {
            let r = &mut items[k].0;
            let (y, bottom) = (r.y, r.bottom());
            if y - taken > GAP {
                (taken, end) = (y, end + GAP);
            }
            r.x += EDGE - left;
            r.y = end - (taken - y);
            if bottom > taken {
                (taken, end) = (bottom, end + bottom - taken);
            }
        }
        Self { headline, items, size: ((width + 2.0 * EDGE).ceil(), (end + EDGE).ceil()) }
    }

    /// As an SVG file; none where a figure cannot be drawn.
    pub fn svg(&self, theme: &Theme) -> Option<String> {
        let mut text = String::new();
        self.draw_on(Crisp::file(&mut text, self.size.0, self.size.1), svg::TEXT_SCALE, theme)?;
        Some(svg::shown_at(&text, self.size.0, self.size.1))
    }

    /// As a canvas with `ratio` pixels to a CSS pixel; none where the browser has none to give.
    pub fn canvas(&self, theme: &Theme, ratio: f64) -> Option<HtmlCanvasElement> {
        let canvas = canvas()?;
        self.draw_on(Crisp::new(&canvas, self.size.0, self.size.1, ratio, Ground::None)?, 1.0, theme)?;
        Some(canvas)
    }

    fn draw_on(&self, surface: Crisp, text_scale: f64, theme: &Theme) -> Option<()> {
        let area = surface.into_drawing_area();
        let mut sketch = Sketch::new(&area, text_scale);
        sketch.clear(theme.paper);
        self.draw(&mut sketch, theme);
        sketch.finish().ok()
    }

    fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme) {
        let at = Region { x: EDGE, y: EDGE, w: self.size.0, h: 0.0 };
        lines(s, at, &self.headline, Type::plain(HEADLINE, theme.ink, Anchor::Left).bold());
        for (r, item) in &self.items {
            match item {
                Item::Figure(drawing) => drawing.draw(s, theme, *r),
                Item::Title(text) => {
                    lines(s, *r, &fitted(text, *r, TITLE), Type::plain(TITLE, theme.ink, Anchor::Left).bold());
                }
                Item::Note(text) => {
                    lines(s, *r, &fitted(text, *r, NOTE), Type::plain(NOTE, theme.soft, Anchor::Left));
                }
                Item::Entry(loss, line) => entry(s, theme, *r, loss, *line),
            }
        }
    }
}

/// A loss's line and name.
fn entry<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, r: Region, loss: &LossSpec, width: f64) {
    let (style, middle) = (theme.style(loss.loss), r.y + 0.5 * r.h);
    let line = Stroke::solid(style.colour, style.width).dashed(style.dash);
    s.line(&[(r.x, middle), (r.x + width, middle)], line);
    s.marker((r.x + 0.5 * width, middle), style.marker, 3.25, style.colour, theme.paper);
    s.text((r.x + width + 5.0, middle), &words::name(loss), Type::plain(ENTRY, style.name, Anchor::Left).bold());
}

/// Where a note ends that may have begun behind its title and gone on below it.
fn last_line(r: Region) -> Region {
    let h = r.h.min(NOTE * LEADING);
    Region { y: r.bottom() - h, h, ..r }
}

fn lines<DB: Surface>(s: &mut Sketch<DB>, r: Region, text: &[String], style: Type) {
    for (k, line) in text.iter().enumerate() {
        s.text((r.x, r.y + (k as f64 + 0.5) * LEADING * style.size), line, style);
    }
}

/// A text as it stands in its place on screen: what is on one line there stays on one.
fn fitted(text: &str, r: Region, size: f64) -> Vec<String> {
    if r.h < 2.0 * LEADING * size { vec![text.to_owned()] } else { wrapped(text, r.w, size) }
}

/// A text in lines that fit a width, by estimate.
fn wrapped(text: &str, width: f64, size: f64) -> Vec<String> {
    let most = (width / (LETTER * size)) as usize;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Where an element stands, on a page whose text has the usual size.
fn place(element: &Element) -> Region {
    let (r, size) = (element.get_bounding_client_rect(), painter::text_size());
    Region { x: r.left() / size, y: r.top() / size, w: r.width() / size, h: r.height() / size }
}

/// What an element says, a subscript behind a low line; without its notes unless they are wanted.
fn spoken(element: &Element, notes: bool) -> String {
    let mut out = String::new();
    let children = element.child_nodes();
    for child in (0..children.length()).filter_map(|k| children.item(k)) {
        match child.dyn_ref::<Element>().map(Element::tag_name).as_deref() {
            None => out.push_str(&Node::text_content(&child).unwrap_or_default()),
            Some("SUB") => out.push_str(&format!("_{}", child.text_content().unwrap_or_default())),
            Some("SMALL") if !notes => {}
            Some(_) => out.push_str(&child.dyn_ref::<Element>().map_or_else(String::new, |e| spoken(e, notes))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::policies::Policies;

    fn figure() -> Item {
        Item::Figure(Rc::new(Drawing::Policies(Policies {
            reference: vec![0.5, 0.5],
            star: vec![0.9, 0.1],
            losses: Vec::new(),
            room: 0,
        })))
    }

    fn at(x: f64, y: f64, w: f64, h: f64) -> Region {
        Region { x, y, w, h }
    }

    #[test]
    fn a_sheet_closes_what_holds_nothing_and_keeps_the_rest_as_it_stands() {
        let items = vec![
            (at(300.0, 500.0, 400.0, 100.0), figure()),
            (at(300.0, 200.0, 400.0, 200.0), figure()),
            (at(300.0, 170.0, 90.0, 20.0), Item::Title("Curves".to_owned())),
            (at(720.0, 180.0, 80.0, 250.0), figure()),
        ];
        let sheet = Sheet::new("One line.", items);
        let top = EDGE + HEADLINE * LEADING + GAP;
        let places: Vec<(f64, f64)> = sheet.items.iter().map(|(r, _)| (r.x, r.y)).collect();
        // 430 is the lowest edge of the first row; the next figure stands a gap below it, not 70.
        let expected = [(20.0, top + 260.0 + GAP), (20.0, top + 30.0), (20.0, top), (440.0, top + 10.0)];
        assert!(places.iter().zip(expected).all(|(a, b)| (a.0 - b.0).abs() + (a.1 - b.1).abs() < 1e-9), "{places:?}");
        assert_eq!(sheet.size, (540.0, (top + 260.0 + GAP + 100.0 + EDGE).ceil()));
    }

    #[test]
    fn the_sheet_is_a_drawing_with_its_words() {
        let items = vec![
            (at(0.0, 40.0, 400.0, 200.0), figure()),
            (at(0.0, 10.0, 200.0, 20.0), Item::Title("π(y) against λ".to_owned())),
        ];
        let svg = Sheet::new("As λ shrinks & grows", items).svg(&Theme::light()).expect("a drawing");
        assert!(svg.starts_with("<svg width=\"440\""), "{}", &svg[..80]);
        for words in ["As λ shrinks &amp; grows", "π(y) against λ"] {
            assert!(svg.contains(words), "{words}");
        }
    }

    #[test]
    fn a_text_is_broken_at_its_words() {
        assert_eq!(wrapped("one two three four", 10.5 * LETTER * 10.0, 10.0), ["one two", "three four"]);
        assert_eq!(wrapped("short", 1000.0, 12.0), ["short"]);
        assert!(wrapped("", 100.0, 12.0).is_empty());
        assert_eq!(fitted("on one line on screen", at(0.0, 0.0, 10.0, 20.0), 12.0).len(), 1);
        assert_eq!(last_line(at(5.0, 10.0, 90.0, 40.0)).bottom(), 50.0);
        assert_eq!(last_line(at(5.0, 10.0, 90.0, 12.0)), at(5.0, 10.0, 90.0, 12.0));
        assert!(fitted("on several lines on screen", at(0.0, 0.0, 60.0, 45.0), 12.0).len() > 1);
    }
}
