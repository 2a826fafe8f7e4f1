//! Plots, as SVG text: those of the demo's report and those of the book.

use std::ops::Range;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::series::DashedLineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Colours that people with any kind of colour vision can tell apart (Okabe & Ito 2008).
pub(crate) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(crate) const ORANGE: RGBColor = RGBColor(213, 94, 0);
pub(crate) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(crate) const GREY: RGBColor = RGBColor(120, 120, 120);

const SIZE: (u32, u32) = (720, 360);
const FONT: &str = "sans-serif";
const AXIS_FONT: u32 = 14;

/// One line of a [`lines`] plot.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) colour: RGBColor,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) style: Style,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    Solid,
    Dashed,
    /// A solid line with a dot at each point.
    Dotted,
    /// Dots alone, small and pale.
    Cloud,
    /// The area between the first half of the points and the second, which runs backwards; pale.
    Band,
}

/// What a plot's axes say. With `log_x` or `log_y`, they run over powers of ten.
pub(crate) struct Axes {
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) y_range: Range<f64>,
    pub(crate) log_x: bool,
    pub(crate) log_y: bool,
}

impl Axes {
    /// Both as far apart as their numbers are.
    pub(crate) fn linear(x: &'static str, y: &'static str, y_range: Range<f64>) -> Self {
        Self { x, y, y_range, log_x: false, log_y: false }
    }
}

/// Lines over a common x axis, for a page that has a legend of its own.
pub(crate) fn lines(axes: &Axes, lines: &[Line]) -> Result<String> {
    chart(axes, lines, None)
}

/// Lines over a common x axis with their names in a corner.
pub(crate) fn lines_with_legend(
    axes: &Axes,
    lines: &[Line],
    corner: SeriesLabelPosition,
) -> Result<String> {
    chart(axes, lines, Some(corner))
}

fn chart(axes: &Axes, lines: &[Line], legend: Option<SeriesLabelPosition>) -> Result<String> {
    let scaled = |value: f64, log: bool| if log { value.log10() } else { value };
    let x_of = |x| scaled(x, axes.log_x);
    let y_of = |y| scaled(y, axes.log_y);
    let xs = || lines.iter().flat_map(|line| line.points.iter().map(|point| x_of(point.0)));
    let (low, high) =
        xs().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    // A plot needs some width even where all points share one x.
    let margin = if axes.log_x { 0.1 } else { 0.0 };
    let range = (low - margin)..(high + margin).max(low - margin + 1e-9);

    draw(SIZE, |root| {
        // The book has dark themes, in which black on nothing cannot be read.
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(root)
            .margin(12)
            // Half of the last label on the x axis.
            .margin_right(30)
            .x_label_area_size(46)
            .y_label_area_size(64)
            .build_cartesian_2d(range, y_of(axes.y_range.start)..y_of(axes.y_range.end))?;
        let on_axis = |at: f64, log: bool, span: f64| {
            if log { power(at) } else { label(at, span) }
        };
        let (width, height) = (high - low, axes.y_range.end - axes.y_range.start);
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(axes.x)
            .y_desc(axes.y)
            .x_label_formatter(&|x| on_axis(*x, axes.log_x, width))
            .y_label_formatter(&|y| on_axis(*y, axes.log_y, height))
            .label_style((FONT, AXIS_FONT))
            .draw()?;
        for line in lines {
            let points = || line.points.iter().map(|&(x, y)| (x_of(x), y_of(y)));
            let stroke = line.colour.stroke_width(2);
            if legend.is_some() && !line.name.is_empty() {
                let key = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], stroke);
                chart.draw_series(LineSeries::new([], stroke))?.label(&line.name).legend(key);
            }
            match line.style {
                Style::Solid => {
                    chart.draw_series(LineSeries::new(points(), stroke))?;
                }
                Style::Dashed => {
                    chart.draw_series(DashedLineSeries::new(points(), 6, 5, stroke))?;
                }
                Style::Dotted => {
                    chart.draw_series(LineSeries::new(points(), stroke).point_size(4))?;
                }
                Style::Cloud => {
                    let dot = line.colour.mix(0.35).filled();
                    chart.draw_series(points().map(|at| Circle::new(at, 2, dot)))?;
                }
                Style::Band => {
                    let area = Polygon::new(points().collect::<Vec<_>>(), line.colour.mix(0.15));
                    chart.draw_series([area])?;
                }
            }
        }
        if let Some(corner) = legend.clone() {
            chart
                .configure_series_labels()
                .position(corner)
                .background_style(WHITE.mix(0.8))
                .label_font((FONT, AXIS_FONT))
                .draw()?;
        }
        Ok(())
    })
}

/// One small bar chart a distribution, side by side: what a temperature does.
pub(crate) fn distributions(panels: &[(String, Vec<f32>)]) -> Result<String> {
    draw((SIZE.0, 230), |root| {
        for (area, (title, probabilities)) in
            root.split_evenly((1, panels.len())).iter().zip(panels)
        {
            let classes = probabilities.len();
            let mut chart = ChartBuilder::on(area)
                .margin(4)
                .caption(title, (FONT, 16))
                .x_label_area_size(24)
                .y_label_area_size(30)
                .build_cartesian_2d(-0.6..classes as f64 - 0.4, 0.0..1.0)?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .light_line_style(TRANSPARENT)
                .y_labels(3)
                .x_labels(classes)
                .x_label_formatter(&|x| {
                    if x.fract() == 0.0 { x.to_string() } else { String::new() }
                })
                .label_style((FONT, 11))
                .draw()?;
            chart.draw_series(probabilities.iter().enumerate().map(|(class, &p)| {
                let x = class as f64;
                Rectangle::new([(x - 0.38, 0.0), (x + 0.38, f64::from(p))], BLUE.filled())
            }))?;
            // A bar below a thousandth is not to be seen, so the largest is told in words.
            let (largest, p) = probabilities
                .iter()
                .enumerate()
                .fold((0, 0.0), |best, (class, &p)| if p > best.1 { (class, p) } else { best });
            let style = (FONT, 11).into_font().color(&GREY).pos(Pos::new(HPos::Right, VPos::Top));
            let label = format!("{largest}: {p:.3}");
            let corner = (classes as f64 - 0.5, 0.99);
            chart.draw_series(std::iter::once(Text::new(label, corner, style)))?;
        }
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Failure = Box<dyn std::error::Error>;

fn draw(size: (u32, u32), paint: impl FnOnce(&Area<'_>) -> Result<(), Failure>) -> Result<String> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    let painted = paint(&root).and_then(|()| Ok(root.present()?));
    painted.map_err(|error| anyhow!("a plot cannot be drawn: {error}"))?;
    drop(root);
    Ok(svg)
}

/// A number on an axis that is `span` long: with decimals where whole numbers would all be the same.
fn label(value: f64, span: f64) -> String {
    let decimals = (2.0 - span.log10().floor()).clamp(0.0, 6.0) as usize;
    if span >= 10.0 { thousands(value) } else { format!("{value:.decimals$}") }
}

/// Ten to the `exponent`.
fn power(exponent: f64) -> String {
    let value = 10.0_f64.powf(exponent);
    if value < 10.0 && value.fract().abs() > 1e-9 {
        format!("{value:.1}")
    } else {
        thousands(value)
    }
}

/// A number with a comma between thousands.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if value <= -0.5 { format!("-{grouped}") } else { grouped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_axis_has_decimals() {
        for (value, span, expected) in [
            (120.0, 500.0, "120"),
            (0.25, 1.5, "0.25"),
            (0.05, 0.3, "0.050"),
            (1e-4, 1e-3, "0.00010"),
        ] {
            assert_eq!(label(value, span), expected);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (value, expected) in
            [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (-1234567.0, "-1,234,567")]
        {
            assert_eq!(thousands(value), expected);
        }
    }
}
