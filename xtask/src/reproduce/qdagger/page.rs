//! The page of the book, with its plot.

use std::fmt::Write;

use anyhow::Result;
use plotters::chart::SeriesLabelPosition;

use super::Args;
use super::student::{
    EPISODES, EVERY, KICKSTART_STEPS, OFFLINE_UPDATES, RECORDED, STEPS, Start, TEACHER_EPSILON,
    TEMPERATURE,
};
use crate::plots::{Axes, BLUE, GREEN, GREY, Line, ORANGE, Style, lines_with_legend, thousands};
use crate::reproduce::curves::{Curve, interquartile, plotted};
use crate::statistics::Estimate;

const IMAGE: &str = "qdagger-cart-pole.svg";

pub(super) fn publish(
    args: &Args,
    teacher_return: f64,
    curves: &[(Start, Vec<Curve>)],
) -> Result<()> {
    let seeds = args.common.seeds;
    let mut page = format!(
        "# Reincarnation: QDagger\n\n\
         Agarwal et al. 2022, [arXiv:2206.01626](https://arxiv.org/abs/2206.01626): who has a teacher, and \
         what it did, need not begin anew. On CartPole-v1, a teacher with 256-256 units \
         (`DqnConfig::cart_pole`, trained until it solved the task; its return is {teacher_return:.1} over \
         100 episodes) and students with 64-64, {seeds} seeds each. \
         `cargo xtask reproduce qdagger --seeds {seeds} --write` computes everything on this page.\n\n\
         - *From scratch*: three-step double Q-learning, epsilon from 1 to 0.05 in 5,000 steps.\n\
         - *Kickstarted* (Schmitt et al. 2018, [arXiv:1803.03835](https://arxiv.org/abs/1803.03835)): the \
         teacher's softmax at a temperature of {TEMPERATURE} is a target besides, with a weight that falls \
         from 1 to 0 in {} steps; epsilon is 0.05.\n\
         - *QDagger*: first {} updates from {} steps that the teacher played, at random with a \
         probability of {TEACHER_EPSILON}; then the same with a weight of 1 − return/teacher's return.\n\n\
         Returns are means of {EPISODES} episodes without exploration, every {EVERY} steps of the student's \
         own; the teacher's recorded steps are not counted. Interquartile means with 95% bootstrap \
         intervals ([Agarwal et al. 2021](https://arxiv.org/abs/2108.13264)).\n\n\
         ![Returns](images/{IMAGE})\n\n",
        thousands(KICKSTART_STEPS as f64),
        thousands(OFFLINE_UPDATES as f64),
        thousands(RECORDED as f64),
    );
    page.push_str(&steps_table(teacher_return, curves)?);
    page.push('\n');
    page.push_str(&returns_table(curves)?);
    page.push_str(
        "\nThe paper has no numbers for CartPole; on Atari it reports the same order of the three. What is \
         not in it: students that have a teacher are soon good and do not stay so. At 50,000 steps those \
         from scratch are as good or better; the divergence makes preferences of values, and temporal \
         differences undo that when the teacher's weight is gone. So keep the best policy \
         (`Run::with_evaluation`).\n",
    );
    args.common.publish("qdagger", &page, &[(IMAGE.to_owned(), plot(teacher_return, curves)?)])
}

/// A student that never was as good counts with all its steps.
fn steps_table(teacher_return: f64, curves: &[(Start, Vec<Curve>)]) -> Result<String> {
    let mut table = "| | as good as the teacher | steps until then | until 95% of it |\n\
                     | --- | ---: | ---: | ---: |\n"
        .to_owned();
    for (start, curves) in curves {
        let steps = |goal: f64| -> Result<Estimate> {
            let of = |curve: &Curve| curve.steps_to(goal).unwrap_or(STEPS) as f64;
            Estimate::interquartile_mean(&curves.iter().map(of).collect::<Vec<f64>>())
        };
        let reached = curves.iter().filter(|curve| curve.steps_to(teacher_return).is_some());
        let (reached, of) = (reached.count(), curves.len());
        let (all, most) = (steps(teacher_return)?, steps(0.95 * teacher_return)?);
        writeln!(table, "| {} | {reached} of {of} | {all:.0} | {most:.0} |", start.name())?;
    }
    table.push_str(&format!(
        "\nOne that was never as good counts with all its {} steps.\n",
        thousands(STEPS as f64)
    ));
    Ok(table)
}

fn returns_table(curves: &[(Start, Vec<Curve>)]) -> Result<String> {
    let mut table = "| steps |".to_owned();
    curves.iter().for_each(|(start, _)| table += &format!(" {} |", start.name()));
    table += &format!("\n|{}\n", " ---: |".repeat(1 + curves.len()));
    let of_each =
        curves.iter().map(|(_, curves)| interquartile(curves)).collect::<Result<Vec<_>>>()?;
    for steps in [0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000] {
        write!(table, "| {} |", thousands(steps as f64))?;
        for estimates in &of_each {
            let estimate = estimates.iter().find(|(at, _)| *at == steps);
            let estimate = estimate.map_or_else(String::new, |(_, value)| format!("{value:.0}"));
            write!(table, " {estimate} |")?;
        }
        table.push('\n');
    }
    Ok(table)
}

fn plot(teacher_return: f64, curves: &[(Start, Vec<Curve>)]) -> Result<String> {
    let mut lines = vec![Line {
        name: "teacher".to_owned(),
        colour: GREY,
        points: vec![(0.0, teacher_return), (STEPS as f64, teacher_return)],
        style: Style::Dashed,
    }];
    for (start, curves) in curves {
        let colour = match start {
            Start::Scratch => ORANGE,
            Start::Kickstart => GREEN,
            Start::QDagger => BLUE,
        };
        lines.extend(plotted(start.name(), colour, &interquartile(curves)?));
    }
    let axes = Axes::linear("steps of the student", "return", 0.0..520.0);
    lines_with_legend(&axes, &lines, SeriesLabelPosition::LowerRight)
}
