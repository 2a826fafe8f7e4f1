//! The page of the book that the reproduction writes, and its plots.

use anyhow::Result;
use plotters::chart::SeriesLabelPosition;

use super::lesson::{EPISODES, EPSILON};
use super::predict::Timing;
use super::{Args, Game, LOSSES, Outcome, SIZES, Student};
use crate::plots::{Axes, BLUE, GREEN, GREY, Line, ORANGE, Style, lines_with_legend, thousands};
use crate::statistics::Estimate;

/// What is asked of the student of 7% that is trained with the paper's loss, and of the time of an
/// action.
const ASKED_SHARE: f64 = 0.97;
const ASKED_SPEED: f64 = 20.0;

type Results<'a> = [(&'a Game, Vec<Outcome>)];

/// The file of the plot of a task.
pub(super) fn image(game: &Game) -> String {
    format!("rusu2015-{}.svg", game.name.to_lowercase())
}

/// The page, as Markdown.
pub(super) fn page(args: &Args, results: &Results<'_>, timing: Option<&Timing>) -> Result<String> {
    let mut page = format!(
        "# Rusu 2015: policies in small networks\n\n\
         Rusu et al. 2015, [arXiv:1511.06295](https://arxiv.org/abs/1511.06295), distil DQN agents for \
         Atari games into networks with 25%, 7% and 4% of their parameters, through a replay buffer with \
         the teacher's values, by three losses: the Kullback-Leibler divergence from the teacher's \
         softmax at temperature 0.01 (KL), the teacher's best action as a label (NLL), the squared \
         distance of the values (MSE). Here the games are classic tasks, which are learned in minutes. Written by\n\n\
         ```text\ncargo xtask reproduce rusu2015 --seeds {} --teacher {} --write\n```\n\n\
         A teacher is a network with the hidden layers {1}, trained until a trial of 20 episodes reaches {} or, failing \
         that, for all of its steps; the network of its best trial is the teacher. It plays {} steps, \
         {:.0}% of its actions random, into the buffer; each student makes {} updates of 64 \
         observations (Adam, 0.001), with two hidden layers of one width. Returns are means over {} \
         episodes, the same for all; the tables have their interquartile means over {} seeds with 95% \
         bootstrap intervals. The share of the teacher's return is counted from that of random actions, \
         since returns are negative in two of the tasks: (student - random)/(teacher - random), seed by seed.\n",
        args.common.seeds,
        args.teacher,
        goals(results),
        thousands(args.transitions as f64),
        100.0 * EPSILON,
        thousands(args.updates as f64),
        EPISODES,
        args.common.seeds,
    );
    for (game, outcomes) in results {
        page += &section(game, outcomes)?;
    }
    page += &verdict(results, timing)?;
    Ok(page)
}

fn goals(results: &Results<'_>) -> String {
    let goals: Vec<_> =
        results.iter().map(|(game, _)| format!("{} in {}", game.goal, game.name)).collect();
    goals.join(", ")
}

fn section(game: &Game, outcomes: &[Outcome]) -> Result<String> {
    let of = |value: fn(&Outcome) -> f64| -> Result<Estimate> {
        Estimate::interquartile_mean(&outcomes.iter().map(value).collect::<Vec<_>>())
    };
    let steps = of(|outcome| outcome.teacher_steps as f64)?;
    let mut section = format!(
        "\n## {}\n\n\
         Random actions: {:.1}. Teachers were trained for {} steps (interquartile mean).\n\n\
         | policy | loss | parameters | return | share of the teacher's, % |\n\
         | --- | --- | ---: | ---: | ---: |\n\
         | teacher | | {} | {:.1} | |\n",
        game.name,
        of(|outcome| outcome.random)?.value,
        thousands(steps.value),
        thousands(outcomes[0].teacher_parameters as f64),
        of(|outcome| outcome.teacher)?,
    );
    for size in SIZES {
        for (loss, _) in LOSSES {
            let returns = students(outcomes, loss, size, |_, student| student.mean_return);
            let shares = shares(outcomes, loss, size);
            section += &format!(
                "| student, {:.0}% | {loss} | {} | {:.1} | {:.1} |\n",
                100.0 * size,
                thousands(parameters(outcomes, size)),
                Estimate::interquartile_mean(&returns)?,
                Estimate::interquartile_mean(&shares)?,
            );
        }
    }
    section +=
        &format!("\n![Share of the teacher's return by size and loss](images/{})\n", image(game));
    Ok(section)
}

fn students(
    outcomes: &[Outcome],
    loss: &str,
    size: f64,
    value: impl Fn(&Outcome, &Student) -> f64,
) -> Vec<f64> {
    let of_one = |outcome: &Outcome| {
        let mut students = outcome.students.iter();
        let student = students.find(|student| student.loss == loss && student.size == size)?;
        Some(value(outcome, student))
    };
    outcomes.iter().filter_map(of_one).collect()
}

/// In percent.
fn shares(outcomes: &[Outcome], loss: &str, size: f64) -> Vec<f64> {
    students(outcomes, loss, size, |outcome, student| 100.0 * outcome.share(student))
}

fn parameters(outcomes: &[Outcome], size: f64) -> f64 {
    let mut students = outcomes[0].students.iter();
    students.find(|student| student.size == size).map_or(0.0, |student| student.parameters as f64)
}

/// What was asked for, and what came out.
fn verdict(results: &Results<'_>, timing: Option<&Timing>) -> Result<String> {
    let mut text =
        String::from("\n## What was asked\n\n| asked | here | reached |\n| --- | --- | --- |\n");
    let reached = |yes: bool| if yes { "yes" } else { "no" };
    for (game, outcomes) in results {
        let share = Estimate::interquartile_mean(&shares(outcomes, LOSSES[0].0, SIZES[1]))?;
        text += &format!(
            "| {}: the student of 7%, by KL, keeps at least {:.0}% of the teacher's return | {share:.1}% \
             | {} |\n",
            game.name,
            100.0 * ASKED_SHARE,
            reached(share.value >= 100.0 * ASKED_SHARE),
        );
    }
    let Some(timing) = timing else { return Ok(text) };
    let hidden: Vec<_> = timing.hidden.iter().map(ToString::to_string).collect();
    match &timing.peer {
        Some((name, theirs)) => {
            let ratio = theirs / timing.ours;
            text += &format!(
                "| an action of that student takes at most 1/{ASKED_SPEED:.0} of the time of {name}'s \
                 `predict` with the same network, {} hidden units, in the same run | {:.2} µs against \
                 {theirs:.1} µs: 1/{ratio:.0} | {} |\n",
                hidden.join("-"),
                timing.ours,
                reached(ratio >= ASKED_SPEED),
            );
        }
        None => {
            text += &format!(
                "\nAn action of that student takes {:.2} µs; Stable-Baselines3 is not installed, so there \
                 is nothing to compare it with (`cargo xtask bench dqn --peers` installs it).\n",
                timing.ours
            );
        }
    }
    Ok(text)
}

/// Shares by size, a line for each loss.
pub(super) fn plot(outcomes: &[Outcome]) -> Result<String> {
    let mut lines = Vec::new();
    let mut lowest = 90.0_f64;
    for ((loss, _), colour) in LOSSES.iter().zip([BLUE, ORANGE, GREEN]) {
        let mut points = Vec::new();
        for size in SIZES {
            let share = Estimate::interquartile_mean(&shares(outcomes, loss, size))?.value;
            lowest = lowest.min(share);
            points.push((parameters(outcomes, size), share));
        }
        lines.push(Line { name: (*loss).to_owned(), colour, points, style: Style::Dotted });
    }
    let ends = [SIZES[0], SIZES[2]].map(|size| (parameters(outcomes, size), 100.0));
    let teacher = Line {
        name: "teacher".to_owned(),
        colour: GREY,
        points: ends.to_vec(),
        style: Style::Dashed,
    };
    lines.push(teacher);
    let y_range = (lowest - 5.0).floor()..110.0;
    let y = "share of the teacher's return, %";
    let axes = Axes { x: "the student's parameters", y, y_range, log_x: true, log_y: false };
    lines_with_legend(&axes, &lines, SeriesLabelPosition::MiddleMiddle)
}
