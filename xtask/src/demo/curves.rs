//! How good students become, epoch by epoch: in the report, and as a picture that stands by itself.

use anyhow::{Context, Result};
use plotters::chart::SeriesLabelPosition;

use super::digits::{Comparison, DigitsResult, Way};
use crate::plots::{Axes, BLUE, GREEN, GREY, Line, ORANGE, Style, lines_with_legend};

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
    (Axes::linear("epoch", "test accuracy, %", low..100.0), lines)
}

/// The first comparison as an SVG file that stands by itself.
pub(super) fn picture(result: &DigitsResult) -> Result<String> {
    let comparison = result.comparisons.first().context("nothing was compared")?;
    let (axes, lines) = curves(result, comparison);
    lines_with_legend(&axes, &lines, SeriesLabelPosition::LowerRight)
}
