//! Pages that need nothing but themselves: HTML with its style and its plots inside.

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::plots::{self, Axes, Line, Style};

const STYLE: &str = include_str!("page.css");

/// A page as HTML, with a title for the window and one for the reader.
pub(crate) fn page(title: &str, heading: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                h1 { (heading) }
                (body)
            } }
        }
    };
    page.into_string()
}

/// A plot with its legend above it.
pub(crate) fn plot(axes: &Axes, lines: &[Line]) -> Result<Markup> {
    let named = || lines.iter().filter(|line| line.style != Style::Cloud);
    Ok(html! {
        div.legend {
            @for line in named() {
                span {
                    i.dashed[line.style == Style::Dashed] style=(colour(line)) {}
                    (line.name)
                }
            }
        }
        (PreEscaped(plots::lines(axes, lines)?))
    })
}

fn colour(line: &Line) -> String {
    let plotters::style::RGBColor(red, green, blue) = line.colour;
    format!("color:rgb({red},{green},{blue})")
}
