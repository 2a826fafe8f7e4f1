//! The page of the book, with its plot.

use std::fmt::Write;

use anyhow::Result;
use plotters::chart::SeriesLabelPosition;

use super::student::{
    EPISODES, EPSILON, EVERY, HIDDEN, KICKSTART_STEPS, OFFLINE_UPDATES, RECORDED, Start,
    TEACHER_EPSILON, TEMPERATURE,
};
use super::{Args, Game, Outcome};
use crate::plots::{Axes, BLUE, GREEN, GREY, Line, ORANGE, Style, lines_with_legend, thousands};
use crate::reproduce::curves::{Curve, interquartile, plotted};
use crate::statistics::Estimate;

/// Where the table of returns looks at the students.
const MOMENTS: [u64; 9] = [0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];

pub(super) fn publish(args: &Args, outcomes: &[Outcome<'_>]) -> Result<()> {
    let seeds = args.common.seeds;
    let [width, height] = HIDDEN;
    let mut page = format!(
        "# Reincarnation: QDagger\n\n\
         Agarwal et al. 2022, [arXiv:2206.01626](https://arxiv.org/abs/2206.01626): who has a teacher, and \
         what it did, need not begin anew. Teachers have 256-256 units and are trained with the task's \
         preset until 20 episodes are solved; students have {width}-{height}, {seeds} seeds each. \
         `cargo xtask reproduce qdagger --seeds {seeds} --write` computes everything on this page.\n\n\
         - *From scratch*: the student alone, as its task's section says.\n\
         - *Kickstarted* (Schmitt et al. 2018, [arXiv:1803.03835](https://arxiv.org/abs/1803.03835)): the \
         teacher's softmax at a temperature of {TEMPERATURE} is a target besides, with a weight that falls \
         from 1 to 0 in {} steps; epsilon is {EPSILON}.\n\
         - *QDagger*: first {} updates from {} steps that the teacher played, at random with a \
         probability of {TEACHER_EPSILON}; then the same with a weight that is 1 at the lowest return there \
         is, 0 at the teacher's, and on a line in between.\n\n\
         Returns are means of {EPISODES} episodes without exploration, every {EVERY} steps of the student's \
         own; the teacher's recorded steps are not counted. Interquartile means with 95% bootstrap \
         intervals ([Agarwal et al. 2021](https://arxiv.org/abs/2108.13264)). A student that never was as \
         good counts with all its steps.\n",
        thousands(KICKSTART_STEPS as f64),
        thousands(OFFLINE_UPDATES as f64),
        thousands(RECORDED as f64),
    );
    let mut images = Vec::new();
    for outcome in outcomes {
        let image = format!("qdagger-{}.svg", outcome.game.name.to_lowercase());
        page.push_str(&section(outcome, &image)?);
        images.push((image, plot(outcome)?));
    }
    page.push_str(
        "\n## What to make of it\n\n\
         The paper has no numbers for these tasks; on Atari it reports the same order of the three. Here \
         those with a teacher need a small part of the steps in each task, and QDagger's students are as \
         good as their teacher, or nearly, before their first step. What is not in it: they do not stay so. \
         The divergence makes preferences of values, and temporal differences undo that when the teacher's \
         weight falls; most get worse within some thousand steps and then learn anew. QDagger, whose teacher \
         comes back when they do, loses least in Acrobot and MountainCar; in CartPole, those from scratch \
         are as good or better at the end. So keep the best policy (`Run::with_evaluation`).\n",
    );
    args.common.publish("qdagger", &page, &images)
}

fn section(outcome: &Outcome<'_>, image: &str) -> Result<String> {
    let Outcome { game, teacher_return, .. } = outcome;
    let Game { name, about_student, steps, .. } = game;
    let mut section = format!(
        "\n## {name}\n\n\
         The teacher's return is {teacher_return:.1} over 100 episodes. Students learn for {} steps; from \
         scratch by {about_student}.\n\n\
         ![Returns](images/{image})\n\n",
        thousands(*steps as f64),
    );
    section.push_str(&steps_table(outcome)?);
    section.push('\n');
    section.push_str(&returns_table(outcome)?);
    Ok(section)
}

fn steps_table(outcome: &Outcome<'_>) -> Result<String> {
    let Outcome { game, teacher_return, curves } = outcome;
    let mut table = "| | as good as the teacher | steps until then | until 95% of it |\n\
                     | --- | ---: | ---: | ---: |\n"
        .to_owned();
    let most = game.lowest + 0.95 * (teacher_return - game.lowest);
    for (start, curves) in curves {
        let steps = |goal: f64| -> Result<Estimate> {
            let of = |curve: &Curve| curve.steps_to(goal).unwrap_or(game.steps) as f64;
            Estimate::interquartile_mean(&curves.iter().map(of).collect::<Vec<f64>>())
        };
        let reached = curves.iter().filter(|curve| curve.steps_to(*teacher_return).is_some());
        let (reached, of) = (reached.count(), curves.len());
        let (all, most) = (steps(*teacher_return)?, steps(most)?);
        writeln!(table, "| {} | {reached} of {of} | {all:.0} | {most:.0} |", start.name())?;
    }
    if game.lowest != 0.0 {
        writeln!(
            table,
            "\nThe 95% are of what the teacher gains over {}, the lowest return.",
            game.lowest
        )?;
    }
    Ok(table)
}

fn returns_table(outcome: &Outcome<'_>) -> Result<String> {
    let curves = &outcome.curves;
    let mut table = "| steps |".to_owned();
    curves.iter().for_each(|(start, _)| table += &format!(" {} |", start.name()));
    table += &format!("\n|{}\n", " ---: |".repeat(1 + curves.len()));
    let of_each =
        curves.iter().map(|(_, curves)| interquartile(curves)).collect::<Result<Vec<_>>>()?;
    for steps in MOMENTS.into_iter().filter(|steps| *steps <= outcome.game.steps) {
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

fn plot(outcome: &Outcome<'_>) -> Result<String> {
    let Outcome { game, teacher_return, curves } = outcome;
    let mut lines = vec![Line {
        name: "teacher".to_owned(),
        colour: GREY,
        points: vec![(0.0, *teacher_return), (game.steps as f64, *teacher_return)],
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
    let above = 0.05 * (teacher_return - game.lowest);
    let range = game.lowest..teacher_return + above;
    let axes = Axes::linear("steps of the student", "return", range);
    lines_with_legend(&axes, &lines, SeriesLabelPosition::LowerRight)
}
