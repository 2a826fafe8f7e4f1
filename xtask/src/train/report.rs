//! A training as a page: what it was asked to do, and how returns, loss, exploration and values went.

use anyhow::Result;
use maud::{Markup, html};

use super::folder::Settings;
use super::metrics::Metrics;
use crate::page::{self, plot};
use crate::plots::{Axes, BLUE, GREEN, GREY, Line, ORANGE, Style, thousands};

/// A running mean is over so many episodes.
const WINDOW: usize = 20;
/// A line of more points than this is drawn through their means; a cloud shows so many of its dots.
const POINTS: usize = 800;
/// What lies above this share of the values is beyond the plot.
const SHOWN: f64 = 0.99;

type Points = Vec<(f64, f64)>;

/// The page as HTML.
pub(super) fn page(settings: &Settings, metrics: &Metrics) -> Result<String> {
    let heading = format!("DQN in {}", settings.env);
    let best = metrics.trials.iter().map(|trial| trial.1).fold(f64::NEG_INFINITY, f64::max);
    let lists = [&metrics.returns, &metrics.losses, &metrics.trials];
    let steps =
        lists.iter().filter_map(|list| list.last()).fold(0.0, |most, last| last.0.max(most));
    let body = html! {
        p.soft {
            "Seed " (settings.seed) ", version " (settings.version) ". Written by "
            code { "cargo xtask train" } "."
        }
        div.cards {
            @if best.is_finite() {
                div.card {
                    b { (format!("{best:.1}")) }
                    "mean return of the best policy, over the " (settings.eval_episodes)
                    " episodes of its trial, without random actions."
                }
            }
            @if let Some((_, mean)) = running_mean(&metrics.returns).last() {
                div.card {
                    b { (format!("{mean:.1}")) }
                    "mean return of the last " (WINDOW) " training episodes, random actions included."
                }
            }
            div.card {
                b { (thousands(steps)) }
                "of " (thousands(settings.agent.training_steps() as f64)) " steps, in "
                (thousands(metrics.returns.len() as f64)) " episodes."
            }
        }
        (returns(metrics)?)
        (values(settings, metrics)?)
        (losses(metrics)?)
        (exploration(settings, steps)?)
        (table(settings)?)
    };
    Ok(page::page(&heading, &heading, &body))
}

fn returns(metrics: &Metrics) -> Result<Markup> {
    let lines = [
        line("each episode", GREY, thinned(&metrics.returns), Style::Cloud),
        line("mean of 20 episodes", ORANGE, means(&running_mean(&metrics.returns)), Style::Solid),
        line("trial without random actions", BLUE, metrics.trials.clone(), Style::Dotted),
    ];
    let all = [&metrics.returns[..], &metrics.trials].concat();
    section(
        "Returns",
        "The sum of the rewards of an episode: what the agent is after. Dots are the episodes of the \
         training, in which some actions are random; the orange line is their running mean. The blue \
         line is how the network does alone.",
        "return",
        range(&all, 1.0),
        &lines,
    )
}

fn values(settings: &Settings, metrics: &Metrics) -> Result<Markup> {
    let gamma = settings.agent.gamma();
    section(
        "Q values",
        &format!(
            "The mean value that the network gives to the actions in a batch: the return that it \
             expects from there on, with rewards discounted by {gamma} a step. It should settle. If it \
             climbs without the returns, the network overrates its actions; double targets are against \
             that."
        ),
        "mean Q",
        range(&metrics.mean_q, 1.0),
        &[line("mean Q", GREEN, means(&metrics.mean_q), Style::Solid)],
    )
}

fn losses(metrics: &Metrics) -> Result<Markup> {
    section(
        "Loss",
        "How far the network's values are from their targets. The targets move with the network and with \
         what the agent gets to see, so that a loss that goes up is no bad sign by itself. The highest \
         hundredth of the values is beyond the plot.",
        "loss",
        range(&metrics.losses, SHOWN),
        &[line("loss", ORANGE, means(&metrics.losses), Style::Solid)],
    )
}

fn exploration(settings: &Settings, steps: f64) -> Result<Markup> {
    let agent = &settings.agent;
    if agent.noisy().is_some() {
        return Ok(html! { p { "Noisy layers explore: no action is random besides." } });
    }
    let at = |step: u64| {
        let random = step < agent.learning_starts();
        (step as f64, if random { 1.0 } else { agent.epsilon().at(step) })
    };
    let epsilon = (0..=200).map(|part| at((steps * f64::from(part) / 200.0) as u64)).collect();
    section(
        "Epsilon",
        "The probability with which an action is random. Learning begins where it first falls below 1.",
        "epsilon",
        0.0..1.05,
        &[line("epsilon", BLUE, epsilon, Style::Solid)],
    )
}

fn section(
    heading: &str,
    text: &str,
    y: &'static str,
    y_range: std::ops::Range<f64>,
    lines: &[Line],
) -> Result<Markup> {
    let axes = Axes::linear("steps in the environment", y, y_range);
    let empty = lines.iter().all(|line| line.points.is_empty());
    Ok(html! {
        h2 { (heading) }
        p { (text) }
        @if empty { p.soft { "There is nothing to show yet." } }
        @else { figure { (plot(&axes, lines)?) } }
    })
}

/// Every setting, as config.json has it.
fn table(settings: &Settings) -> Result<Markup> {
    let all = serde_json::to_value(settings)?;
    let agent = all["agent"].as_object().into_iter().flatten();
    let others = all.as_object().into_iter().flatten().filter(|(name, _)| *name != "agent");
    Ok(html! {
        h2 { "Settings" }
        div.wide { table {
            tr { th { "setting" } th { "value" } }
            @for (name, value) in others.chain(agent) {
                tr { td { code { (name) } } td { (value.to_string()) } }
            }
        } }
    })
}

fn line(name: &str, colour: plotters::style::RGBColor, points: Points, style: Style) -> Line {
    Line { name: name.to_owned(), colour, points, style }
}

fn running_mean(points: &[(f64, f64)]) -> Points {
    let mean = |window: &[(f64, f64)]| window.iter().map(|point| point.1).sum::<f64>();
    points
        .iter()
        .enumerate()
        .map(|(index, point)| {
            let window = &points[(index + 1).saturating_sub(WINDOW)..=index];
            (point.0, mean(window) / window.len() as f64)
        })
        .collect()
}

/// The means of groups of neighbours, as many as a plot can show.
fn means(points: &[(f64, f64)]) -> Points {
    let group = points.len().div_ceil(POINTS).max(1);
    let mean = |of: &[(f64, f64)], part: fn(&(f64, f64)) -> f64| {
        of.iter().map(part).sum::<f64>() / of.len() as f64
    };
    points.chunks(group).map(|of| (mean(of, |point| point.0), mean(of, |point| point.1))).collect()
}

/// One of each group of neighbours.
fn thinned(points: &[(f64, f64)]) -> Points {
    points.iter().copied().step_by(points.len().div_ceil(POINTS).max(1)).collect()
}

/// From the smallest value, or 0, to the one that the share `shown` lies below, with a margin.
fn range(points: &[(f64, f64)], shown: f64) -> std::ops::Range<f64> {
    let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = |share: f64| values.get((share * last as f64).round() as usize).copied();
    let (low, high) = (at(0.0).unwrap_or(0.0).min(0.0), at(shown).unwrap_or(0.0).max(0.0));
    let margin = 0.05 * (high - low).max(1e-6);
    let below = if low < 0.0 { low - margin } else { 0.0 };
    below..high + margin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_mean_is_over_the_last_episodes_that_there_are() {
        let points: Points = (0..30).map(|i| (f64::from(i), f64::from(i))).collect();
        let means = running_mean(&points);
        assert_eq!((means[0].1, means[3].1, means[29].1), (0.0, 1.5, 19.5));
    }

    #[test]
    fn a_long_line_is_drawn_through_means() {
        let points: Points = (0..1600).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        assert_eq!(means(&points).len(), 800);
        assert!(means(&points).iter().all(|point| point.1 == 0.5));
        assert_eq!(means(&points[..3]), points[..3]);
    }

    #[test]
    fn a_range_holds_zero_and_leaves_out_what_is_rare() {
        let mut points: Points = (1..=100).map(|i| (0.0, f64::from(i))).collect();
        points.push((0.0, 1e9));
        let shown = range(&points, 0.99);
        assert!(shown.start == 0.0 && shown.end > 100.0 && shown.end < 110.0, "{shown:?}");
        let negative = range(&[(0.0, -500.0), (1.0, -100.0)], 1.0);
        assert!(negative.start < -500.0 && negative.end > 0.0, "{negative:?}");
        assert!(range(&[], 1.0).end > 0.0);
    }
}
