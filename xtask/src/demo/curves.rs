//! How good students become, epoch by epoch: in the report, and as a picture that stands by itself.

use std::fmt::Write;

use anyhow::{Context, Result};

use super::digits::{Comparison, DigitsResult, Way};
use super::plots::{self, Axes, BLUE, GREEN, GREY, Line, ORANGE, Style};

/// The axes, and a line for each way of training.
pub(super) fn curves(result: &DigitsResult, comparison: &Comparison) -> (Axes, Vec<Line>) {
    let colour = |way: Way| match way {
        Way::HardLabels => ORANGE,
        Way::LabelSmoothing => GREEN,
        Way::Distilled => BLUE,
    };
    let mut lines: Vec<Line> = comparison
        .students
        .iter()
        .map(|student| {
            let points = student.curve.iter().enumerate();
            let points = points.map(|(epoch, right)| ((epoch + 1) as f64, 100.0 * right)).collect();
            Line {
                name: student.way.name().to_owned(),
                colour: colour(student.way),
                points,
                style: Style::Solid,
            }
        })
        .collect();
    let teacher = 100.0 * result.teacher.evaluation.accuracy;
    lines.push(Line {
        name: "teacher".to_owned(),
        colour: GREY,
        points: vec![(1.0, teacher), (comparison.epochs as f64, teacher)],
        style: Style::Dashed,
    });
    // From where most of the curves have come up to where they are told apart.
    let ends = comparison.students.iter().filter_map(|student| student.curve.last());
    let lowest_end = 100.0 * ends.copied().fold(1.0, f64::min);
    let low = (lowest_end - 2.0 * (teacher - lowest_end).max(4.0)).max(0.0).floor();
    for line in &mut lines {
        line.points.retain(|point| point.1 >= low);
    }
    let axes = Axes { x: "epoch", y: "test accuracy, %", y_range: low..100.0, log_x: false };
    (axes, lines)
}

/// The first comparison as an SVG file on white, with its legend.
pub(super) fn picture(result: &DigitsResult) -> Result<String> {
    let comparison = result.comparisons.first().context("nothing was compared")?;
    let (axes, lines) = curves(result, comparison);
    let svg = plots::lines(&axes, &lines)?;
    let (head, rest) = svg.split_once('>').context("a plot is not an SVG file")?;
    let mut legend = String::new();
    for (row, line) in lines.iter().enumerate() {
        let plotters::style::RGBColor(red, green, blue) = line.colour;
        let (y, name) = (200 + 22 * row, &line.name);
        let who = if line.style == Style::Dashed { "" } else { "student, " };
        write!(
            legend,
            r#"<text x="480" y="{y}" font-family="sans-serif" font-size="15" fill="rgb({red},{green},{blue})">{who}{name}</text>"#
        )?;
    }
    let (body, end) = rest.rsplit_once("</svg>").context("a plot is not an SVG file")?;
    Ok(format!(
        r#"{head}><rect width="100%" height="100%" fill="white"/>{body}{legend}</svg>{end}"#
    ))
}
