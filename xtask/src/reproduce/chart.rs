//! A plot for the book: one line a method over a few settings, each point with its interval, a legend,
//! and white paper under it, so that it can be read in a dark theme too.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::statistics::Estimate;

/// Colours that people with any kind of colour vision can tell apart (Okabe & Ito 2008).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
];
const SIZE: (u32, u32) = (720, 400);
/// The width of the legend: of its frame and the lines in it, and of a letter of a name.
const LEGEND: (f64, f64) = (60.0, 7.5);
const FONT: &str = "sans-serif";

/// What is drawn.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// The settings, from left to right, all as far apart as each other.
    pub(super) settings: Vec<String>,
    /// At most as many as there are colours.
    pub(super) lines: Vec<Line>,
}

/// One method.
pub(super) struct Line {
    pub(super) name: String,
    /// One a setting.
    pub(super) points: Vec<Estimate>,
}

impl Chart<'_> {
    /// As SVG text.
    pub(super) fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| anyhow!("a plot cannot be drawn: {error}"))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .caption(self.title, (FONT, 17))
            .x_label_area_size(46)
            .y_label_area_size(60)
            .build_cartesian_2d(self.width(), self.range())?;
        let name = |x: &f64| match self.settings.get(x.round().max(0.0) as usize) {
            Some(name) if (x - x.round()).abs() < 1e-6 => name.clone(),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(2 * self.settings.len())
            .x_label_formatter(&name)
            .x_desc(self.x)
            .y_desc(self.y)
            .label_style((FONT, 14))
            .draw()?;
        for (index, (line, colour)) in self.lines.iter().zip(COLOURS).enumerate() {
            // A little to the side of each other, so that intervals can be told apart.
            let aside = 0.05 * (index as f64 - (self.lines.len() as f64 - 1.0) / 2.0);
            let at = |setting: usize| setting as f64 + aside;
            let stroke = colour.stroke_width(2);
            let values = line.points.iter().enumerate().map(|(i, point)| (at(i), point.value));
            chart
                .draw_series(LineSeries::new(values, stroke).point_size(3))?
                .label(line.name.as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], stroke));
            chart.draw_series(line.points.iter().enumerate().map(|(i, point)| {
                PathElement::new([(at(i), point.low), (at(i), point.high)], colour.mix(0.6))
            }))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, 14))
            .draw()?;
        root.present()?;
        Ok(())
    }

    /// From a little before the first setting to where the legend ends, which stands beside the lines and
    /// hides nothing.
    fn width(&self) -> std::ops::Range<f64> {
        let letters = self.lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
        let legend = (LEGEND.0 + LEGEND.1 * letters as f64) / f64::from(SIZE.0);
        let settings = self.settings.len() as f64;
        -0.4..settings / (1.0 - legend.min(0.5)) - 0.4
    }

    /// From the lowest end of an interval to the highest, and a little more.
    fn range(&self) -> std::ops::Range<f64> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let low = points().map(|point| point.low).fold(f64::INFINITY, f64::min);
        let high = points().map(|point| point.high).fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            return 0.0..1.0;
        }
        let margin = (0.05 * (high - low)).max(1e-6);
        low - margin..high + margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_names_its_settings_and_its_lines() {
        let point = |value| Estimate { value, low: value - 1.0, high: value + 1.0 };
        let chart = Chart {
            title: "A title",
            x: "width",
            y: "accuracy",
            settings: ["two", "four", "eight"].map(str::to_owned).to_vec(),
            lines: vec![Line { name: "plain".into(), points: [1.0, 2.0, 3.0].map(point).to_vec() }],
        };
        assert_eq!(chart.range(), -0.2..4.2);
        // Three settings, and beside them 60 + 5 * 7.5 of 720 pixels.
        assert!((chart.width().end - (3.0 / (1.0 - 97.5 / 720.0) - 0.4)).abs() < 1e-12);
        let svg = chart.svg().unwrap();
        for text in ["A title", "width", "accuracy", "two", "four", "eight", "plain"] {
            assert!(svg.contains(text), "{text}");
        }
    }
}
