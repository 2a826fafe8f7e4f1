//! The demo's report: one page that needs nothing but itself.

use anyhow::Result;
use maud::{Markup, PreEscaped, html};
use reflux_distill::Cost;

use super::DemoResult;
use super::cart_pole::{CartPoleResult, EVALUATION_EPISODES, PolicyResult, SOLVED};
use super::cost::{cells, times_as_fast};
use super::digits::{Comparison, Difference, DigitsResult, in_points};
use super::tables::verdict;
use super::{curves, pictures};
use crate::page::{self, plot};
use crate::plots::{self, Axes, BLUE, GREY, Line, ORANGE, Style, thousands};

/// The page as HTML.
pub(crate) fn page(result: &DemoResult) -> Result<String> {
    let (digits, cart_pole) = (&result.digits, &result.cart_pole);
    let body = html! {
        p.soft {
            "Version " (result.version) ", seed " (result.seed)
            @if result.quick { ", the quick form" }
            ", " (format!("{:.0}", result.seconds)) " seconds on this machine. Printed by "
            code { "cargo xtask demo" } "."
        }
        (summary(digits, cart_pole))
        (digits_section(digits)?)
        (cart_pole_section(cart_pole)?)
    };
    Ok(page::page("Reflux demo", "Reflux: distil and replay", &body))
}

/// The three results that matter, as cards.
fn summary(digits: &DigitsResult, cart_pole: &CartPoleResult) -> Markup {
    let (teacher, student) = (cart_pole.teacher(), cart_pole.student());
    let steps: Vec<String> = cart_pole
        .agents
        .iter()
        .map(|agent| format!("{} {}", thousands(agent.steps as f64), agent.replay))
        .collect();
    html! {
        div.cards {
            @if let Some(main) = digits.comparisons.first() {
                div.card {
                    b { (format!("{:+.2} points", 100.0 * main.gain.mean)) }
                    "of test accuracy for a student of " (thousands(main.cost.parameters as f64))
                    " parameters when it learns from its teacher (± "
                    (format!("{:.2}", 100.0 * main.gain.half_width)) ")."
                }
            }
            div.card {
                b { (format!("{:.0} of 500", teacher.mean_return)) }
                "mean return of DQN on CartPole-v1, after so many steps: " (steps.join(", ")) "."
            }
            div.card {
                b { (format!("{:.1}%", student.size_percent(teacher))) }
                "of the teacher's size and " (format!("{:.1}%", student.return_percent(teacher)))
                " of the return: the policy's student, "
                (format!("{:.0} times", times_as_fast(student.cost, teacher.cost)))
                " as fast."
            }
        }
    }
}

fn digits_section(result: &DigitsResult) -> Result<Markup> {
    Ok(html! {
        h2 { "Distillation" }
        p {
            "A large network, the teacher, learns to tell handwritten digits apart ("
            (result.data) ": " (thousands(result.train_rows as f64)) " for training, "
            (thousands(result.test_rows as f64)) " for the test). A label says “this is a 7”; the \
            teacher says “a 7, and a little like a 1”. A small network, the student, is trained with \
            the labels, with labels that are smoothed evenly, and with what the teacher says. Start, \
            batches and number of steps are the same."
        }
        @if let Some(ambiguous) = &result.pictures.ambiguous {
            h3 { "What temperature does" }
            p {
                "The teacher divides its scores (logits) by a temperature T before it turns them into \
                probabilities. At T = 1 it is nearly sure of this " (ambiguous.label)
                ". The higher T, the more is to be seen of what else the digit resembles; that is \
                what a student learns from. Here students learn at T = " (result.temperature) "."
            }
            figure {
                div.beside {
                    (pictures::svg(&ambiguous.image, 120))
                    div.plot { (PreEscaped(temperature_plot(&ambiguous.soft_targets)?)) }
                }
                figcaption {
                    "One test digit, and the teacher's probability for each of the ten classes at \
                    four temperatures. The number in a corner is the largest."
                }
            }
        }
        @for comparison in &result.comparisons { (comparison_section(result, comparison)?) }
        @if !result.pictures.differences.is_empty() {
            h3 { "Where teacher and student differ" }
            p {
                "Test digits on which the first seed's distilled student does not follow its teacher."
            }
            div.digits { @for difference in &result.pictures.differences { (one(difference)) } }
        }
    })
}

fn temperature_plot(soft_targets: &[(f32, Vec<f32>)]) -> Result<String> {
    let panels: Vec<_> =
        soft_targets.iter().map(|(t, p)| (format!("T = {t}"), p.clone())).collect();
    plots::distributions(&panels)
}

fn one(difference: &Difference) -> Markup {
    let said = |who: &str, choice: usize| {
        let class = if choice == difference.label { "right" } else { "wrong" };
        html! { span class=(class) { (who) ": " (choice) } br; }
    };
    html! {
        div {
            (pictures::svg(&difference.image, 96))
            strong { "a " (difference.label) } br;
            (said("teacher", difference.teacher))
            (said("distilled", difference.distilled))
            (said("hard labels", difference.hard))
        }
    }
}

fn comparison_section(result: &DigitsResult, comparison: &Comparison) -> Result<Markup> {
    let percent = |x: f64| format!("{:.2}", 100.0 * x);
    let teacher = &result.teacher;
    let best = comparison
        .students
        .iter()
        .map(|student| student.accuracy.mean)
        .fold(f64::NEG_INFINITY, f64::max);
    Ok(html! {
        h3 {
            "A student " (comparison.network) ", "
            (thousands(comparison.labelled_rows as f64)) " labelled digits"
        }
        p { (comparison.note) }
        p { strong { (verdict(comparison)) } }
        div.wide { table {
            tr {
                th { "trained with" } th { "test accuracy, %" } th { "errors" }
                th { "as the teacher, %" } th { "NLL, nats" }
                th { "ECE, %" } th { "parameters" } th { "bytes" } th { "one row" }
            }
            tr {
                td { "teacher " (teacher.network) } td { (percent(teacher.evaluation.accuracy)) }
                td { (teacher.evaluation.errors) } td { "" }
                td { (format!("{:.3}", teacher.evaluation.negative_log_likelihood)) }
                td { (percent(teacher.evaluation.calibration_error)) }
                (cost_cells(teacher.cost))
            }
            @for student in &comparison.students {
                tr class=[(student.accuracy.mean == best).then_some("best")] {
                    td { "student, " (student.way.name()) } td { (in_points(&student.accuracy)) }
                    td { (format!("{:.1}", student.errors)) } td { (percent(student.agreement)) }
                    td { (format!("{:.3}", student.negative_log_likelihood)) }
                    td { (percent(student.calibration_error)) } (cost_cells(comparison.cost))
                }
            }
        } }
        figure {
            (curves_plot(result, comparison)?)
            figcaption {
                "Test accuracy after each epoch, the mean of " (comparison.gain.count) " seeds. In the \
                table: mean and 95% confidence interval over the seeds; how often student and teacher \
                give the same answer; the negative log-likelihood of the right class (NLL); the \
                expected calibration error (ECE), by which confidence differs from accuracy."
            }
        }
    })
}

fn cost_cells(cost: Cost) -> Markup {
    html! { @for cell in cells(cost) { td { (cell) } } }
}

fn curves_plot(result: &DigitsResult, comparison: &Comparison) -> Result<Markup> {
    let (axes, lines) = curves::curves(result, comparison);
    plot(&axes, &lines)
}

fn cart_pole_section(result: &CartPoleResult) -> Result<Markup> {
    let teacher = result.teacher();
    Ok(html! {
        h2 { "Experience replay" }
        p {
            "CartPole-v1: a cart carries a pole; pushed to the left or to the right in time, it keeps \
            the pole up. Each step is worth 1, and 500 steps are the most. A deep Q-network learns \
            from what it has done before: every step goes into a buffer, and batches are drawn from \
            there, all steps alike (uniform) or those first that surprised the network most \
            (prioritized). It counts as solved at a mean return of " (SOLVED) "; training goes on \
            until the network alone, without random actions, reaches a little more than that."
        }
        div.wide { table {
            tr {
                th { "replay" } th { "steps until solved" } th { "updates" } th { "steps a second" }
                th { "mean return" } th { "worst return" }
            }
            @for agent in &result.agents {
                tr {
                    td { (agent.replay) }
                    td {
                        (thousands(agent.steps as f64))
                        @if !agent.solved { " (not solved)" }
                    }
                    td { (thousands(agent.updates as f64)) }
                    td { (thousands(agent.steps_per_second)) }
                    td { (format!("{:.1}", agent.policy.mean_return)) }
                    td { (format!("{:.0}", agent.policy.worst_return)) }
                }
            }
        } }
        p.soft {
            "Returns over " (EVALUATION_EPISODES) " episodes from starts that training did not see. \
            Both agents ran at once, each on one thread. One seed of each: a difference between them \
            says little about the two kinds of replay."
        }
        figure {
            (returns_plot(result)?)
            figcaption {
                "Dots: the return of each training episode, random actions included. Lines: the mean \
                return of the network alone, in trials along the way."
            }
        }
        h2 { "Both together" }
        p {
            "The " (result.agents[result.teacher].replay) " agent's network becomes a teacher. It plays "
            (thousands(result.recorded_steps as f64)) " steps, and its values for each action are \
            stored beside what it saw. Students of several sizes learn from that buffer alone; they \
            never see a reward."
        }
        div.wide { table {
            tr {
                th { "policy" } th { "mean return" } th { "worst" } th { "of the teacher's return" }
                th { "parameters" } th { "bytes" } th { "one row" }
            }
            (policy_row("teacher", teacher, teacher, false))
            @for (index, student) in result.students.iter().enumerate() {
                (policy_row("student", student, teacher, index == result.main_student))
            }
        } }
        figure {
            (sizes_plot(result)?)
            figcaption { "The student's size against its return; the axis of sizes is logarithmic." }
        }
    })
}

fn policy_row(name: &str, policy: &PolicyResult, teacher: &PolicyResult, main: bool) -> Markup {
    html! {
        tr class=[main.then_some("best")] {
            td { (name) " " (policy.network) }
            td { (format!("{:.1}", policy.mean_return)) }
            td { (format!("{:.0}", policy.worst_return)) }
            td { (format!("{:.1}%", policy.return_percent(teacher))) }
            (cost_cells(policy.cost))
        }
    }
}

fn returns_plot(result: &CartPoleResult) -> Result<Markup> {
    let mut lines = Vec::new();
    for (agent, colour) in result.agents.iter().zip([ORANGE, BLUE]) {
        let points = |of: &[(u64, f64)]| of.iter().map(|&(step, y)| (step as f64, y)).collect();
        for (style, points) in
            [(Style::Cloud, points(&agent.episodes)), (Style::Dotted, points(&agent.trials))]
        {
            lines.push(Line { name: agent.replay.to_owned(), colour, points, style });
        }
    }
    let axes = Axes::linear("steps in the environment", "return", 0.0..520.0);
    plot(&axes, &lines)
}

fn sizes_plot(result: &CartPoleResult) -> Result<Markup> {
    let teacher = result.teacher();
    let size = |policy: &PolicyResult| policy.cost.parameters as f64;
    let students = result.students.iter().map(|student| (size(student), student.mean_return));
    let smallest = result.students.first().map_or(1.0, size);
    let lines = [
        Line {
            name: "students".to_owned(),
            colour: BLUE,
            points: students.collect(),
            style: Style::Dotted,
        },
        Line {
            name: "teacher".to_owned(),
            colour: GREY,
            points: vec![(smallest, teacher.mean_return), (size(teacher), teacher.mean_return)],
            style: Style::Dashed,
        },
    ];
    let axes =
        Axes { x: "parameters", y: "mean return", y_range: 0.0..520.0, log_x: true, log_y: false };
    plot(&axes, &lines)
}
