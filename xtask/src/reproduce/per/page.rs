//! The page of the book, with its plots.

use std::fmt::Write;

use anyhow::Result;
use plotters::chart::SeriesLabelPosition;
use plotters::style::RGBColor;

use super::cliffwalk::{Features, Replay, transitions};
use super::{Args, Cliff, STATES, Task};
use crate::plots::{Axes, BLUE, GREEN, GREY, Line, ORANGE, Style, lines_with_legend, thousands};
use crate::reproduce::curves::{Curve, interquartile, plotted};
use crate::statistics::{Estimate, median};

type Curves = Vec<(Replay, Vec<Curve>)>;

const HEAD: &str = "# Prioritized experience replay

Schaul, Quan, Antonoglou & Silver 2016, [arXiv:1511.05952](https://arxiv.org/abs/1511.05952). The idea: \
replay a transition more often, the larger its temporal-difference error was when it was replayed last. \
`cargo xtask reproduce per --seeds {seeds} --write` computes everything on this page.

## The Blind Cliffwalk

The paper's own example. Of *n* states in a row, in each of which one of two actions leads on and the other \
ends the episode, only the last has a reward. The memory holds what all 2ⁿ sequences of actions came to, so \
that one transition of 2ⁿ⁺¹ − 2 has a reward at all. Counted are the updates, one transition each, until the \
mean squared error of all values is below 0.001. The memories are our `Buffer`, with the samplers `Uniform`, \
`RankBased` and `Prioritized` as they are by default, without importance weights; *greedy* always takes the \
largest error, the *oracle* whatever lowers the error of all values most. The step size is 1/4 and γ = 1 − \
1/n, as in the paper's appendix B.1.

The median of {seeds} seeds:
";

pub(super) fn publish(
    args: &Args,
    cliffs: &[(Features, Vec<Cliff>)],
    tasks: &[(Task, Curves)],
) -> Result<()> {
    let seeds = args.common.seeds;
    let mut page = HEAD.replace("{seeds}", &seeds.to_string());
    let mut images = Vec::new();
    for (features, cliffs) in cliffs {
        let (title, name) = match features {
            Features::Table => {
                ("A table of values (the paper's figures 1 and 2, and 7 left)", "table")
            }
            Features::Linear => (
                "Values linear in features that states share (the paper's figure 7, right)",
                "linear",
            ),
        };
        let file = format!("per-cliffwalk-{name}.svg");
        writeln!(page, "\n### {title}\n\n![Updates until learned](images/{file})\n")?;
        page.push_str(&cliff_table(cliffs)?);
        images.push((file, cliff_plot(cliffs)?));
    }
    page.push_str(
        "\nThe paper's figures show the same order; they have no numbers to compare with. What is drawn by \
         its error needs at least about an update for each transition, as each comes once before its error \
         is known; only the oracle knows beforehand. There is no oracle for the linear values here: \
         choosing one update ahead, it may undo with each what it did with the last.\n\n## Agents\n\n",
    );
    writeln!(
        page,
        "The same agents with each sampler, {seeds} seeds: interquartile means with 95% bootstrap \
         intervals ([Agarwal et al. 2021](https://arxiv.org/abs/2108.13264)) of the return without \
         exploration. Prioritized replay has its defaults, with importance weights; step sizes are the \
         same for all, where the paper divides them by four. The deep sea is played by \
         `DqnConfig::deep_sea`; CartPole by a 64-64 network with a step size of 0.001, a batch of 32 after \
         every fourth step, the target network copied every 100 updates, and epsilon from 1 to 0.05 in \
         5,000 steps."
    )?;
    for (task, curves) in tasks {
        let file = format!("per-{}.svg", task.file_name());
        writeln!(page, "\n### {}\n\n![Returns](images/{file})\n", task.name())?;
        page.push_str(&task_table(curves)?);
        images.push((file, task_plot(*task, curves)?));
    }
    page.push_str(
        "\nWith 10 seeds, rank-based replay finds the treasure of the deep sea sooner than uniform replay, and \
         proportional replay does not. On CartPole, where every step has a reward, the intervals overlap: \
         with these settings priority makes no difference there that 10 seeds would show.\n",
    );
    args.common.publish("per", &page, &images)
}

fn cliff_table(cliffs: &[Cliff]) -> Result<String> {
    let mut table = "| states | transitions |".to_owned();
    cliffs.iter().for_each(|cliff| table += &format!(" {} |", cliff.replay.name()));
    table += &format!("\n|{}\n", " ---: |".repeat(2 + cliffs.len()));
    for (index, states) in STATES.into_iter().enumerate() {
        write!(table, "| {states} | {} |", thousands(transitions(states) as f64))?;
        for cliff in cliffs {
            write!(table, " {} |", thousands(median(&cliff.updates[index])?))?;
        }
        table.push('\n');
    }
    Ok(table)
}

fn cliff_plot(cliffs: &[Cliff]) -> Result<String> {
    let x = |index: usize| transitions(STATES[index]) as f64;
    let mut lines = Vec::new();
    let mut most = 1.0_f64;
    for cliff in cliffs {
        let ends = |fold: fn(f64, f64) -> f64| {
            let of_index = cliff.updates.iter().map(move |of| of.iter().copied().reduce(fold));
            of_index.enumerate().map(move |(index, end)| (x(index), end.unwrap_or(1.0).max(1.0)))
        };
        let band: Vec<_> =
            ends(f64::max).chain(ends(f64::min).collect::<Vec<_>>().into_iter().rev()).collect();
        most = band.iter().fold(most, |most, point| most.max(point.1));
        let medians = cliff.updates.iter().map(|of| median(of)).collect::<Result<Vec<f64>>>()?;
        let points = medians.into_iter().enumerate().map(|(index, y)| (x(index), y)).collect();
        let (name, colour) = (cliff.replay.name().to_owned(), colour(cliff.replay));
        lines.push(Line { name: String::new(), colour, points: band, style: Style::Band });
        lines.push(Line { name, colour, points, style: Style::Dotted });
    }
    let axes = Axes {
        x: "transitions in memory (band: smallest and largest)",
        y: "updates until learned",
        y_range: 10.0..most * 1.5,
        log_x: true,
        log_y: true,
    };
    lines_with_legend(&axes, &lines, SeriesLabelPosition::UpperLeft)
}

fn task_table(curves: &Curves) -> Result<String> {
    let estimates = curves
        .iter()
        .map(|(_, curves)| interquartile(curves))
        .collect::<Result<Vec<Vec<(u64, Estimate)>>>>()?;
    let mut table = "| steps |".to_owned();
    curves.iter().for_each(|(replay, _)| table += &format!(" {} |", replay.name()));
    table += &format!("\n|{}\n", " ---: |".repeat(1 + curves.len()));
    let points = estimates.first().map_or(0, Vec::len);
    // Every fifth of the training.
    for index in (1..=5).map(|fifth| (fifth * points / 5).saturating_sub(1)) {
        write!(table, "| {} |", thousands(estimates[0][index].0 as f64))?;
        for of_replay in &estimates {
            write!(table, " {:.2} |", of_replay[index].1)?;
        }
        table.push('\n');
    }
    Ok(table)
}

fn task_plot(task: Task, curves: &Curves) -> Result<String> {
    let mut lines = Vec::new();
    for (replay, curves) in curves {
        lines.extend(plotted(replay.name(), colour(*replay), &interquartile(curves)?));
    }
    let y_range = match task {
        Task::DeepSea => -0.05..1.05,
        Task::CartPole => 0.0..520.0,
    };
    let axes = Axes::linear("steps in the environment", "return", y_range);
    lines_with_legend(&axes, &lines, SeriesLabelPosition::UpperLeft)
}

fn colour(replay: Replay) -> RGBColor {
    match replay {
        Replay::Uniform => GREY,
        Replay::Oracle => GREEN,
        Replay::Greedy | Replay::RankBased => ORANGE,
        Replay::Proportional => BLUE,
    }
}
