//! Small images as SVG.

use maud::{Markup, html};

use super::digits::Image;

/// An image in shades of grey, dark for ink, `size` CSS pixels wide.
pub(crate) fn svg(image: &Image, size: usize) -> Markup {
    let height = image.pixels.len() / image.width;
    html! {
        svg class="digit" viewBox=(format!("0 0 {} {height}", image.width)) width=(size)
            height=(size * height / image.width) role="img" shape-rendering="crispEdges" {
            @for (index, ink) in image.pixels.iter().enumerate().filter(|(_, ink)| **ink > 0.0) {
                rect x=(index % image.width) y=(index / image.width) width="1" height="1"
                    fill-opacity=(format!("{ink:.2}")) {}
            }
        }
    }
}
