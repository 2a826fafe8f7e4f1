//! The demo's tables, for a terminal.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use super::cart_pole::{AgentResult, CartPoleResult, EVALUATION_EPISODES, PolicyResult, SOLVED};
use super::cost::cells;
use super::digits::{Comparison, DigitsResult, in_points};
use crate::plots::thousands;

/// Text that stands left of its column; all others are numbers.
const TEXT_COLUMNS: usize = 2;

fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header.to_vec()).add_rows(rows);
    for column in table.column_iter_mut().skip(TEXT_COLUMNS) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

pub(crate) fn digits(result: &DigitsResult) -> String {
    let mut text = format!(
        "\nDistillation: {}, {} training and {} test rows. T = {}, alpha = {} (weight of the hard \
         labels).\n",
        result.data,
        thousands(result.train_rows as f64),
        thousands(result.test_rows as f64),
        result.temperature,
        result.alpha,
    );
    for comparison in &result.comparisons {
        let rows = std::iter::once(teacher_row(result)).chain(student_rows(comparison));
        let header = ["network", "trained with", "accuracy %", "errors", "agrees %"];
        let header = [&header[..], &COST_HEADER].concat();
        text += &format!(
            "\nStudent with {} labelled rows, {} seeds, test accuracy with 95% intervals:\n{}\n{}\n",
            thousands(comparison.labelled_rows as f64),
            comparison.gain.count,
            table(&header, rows),
            verdict(comparison),
        );
    }
    text
}

const COST_HEADER: [&str; 3] = ["parameters", "bytes", "one row"];

fn teacher_row(result: &DigitsResult) -> Vec<String> {
    let (teacher, percent) = (&result.teacher, |x: f64| format!("{:.2}", 100.0 * x));
    let mut row = vec![
        teacher.network.clone(),
        "(the teacher)".to_owned(),
        percent(teacher.evaluation.accuracy),
        teacher.evaluation.errors.to_string(),
        String::new(),
    ];
    row.extend(cells(teacher.cost));
    row
}

fn student_rows(comparison: &Comparison) -> impl Iterator<Item = Vec<String>> + '_ {
    comparison.students.iter().map(|student| {
        let mut row = vec![
            comparison.network.clone(),
            student.way.name().to_owned(),
            in_points(&student.accuracy),
            format!("{:.1}", student.errors),
            format!("{:.2}", 100.0 * student.agreement),
        ];
        row.extend(cells(comparison.cost));
        row
    })
}

/// What the comparison says, in words.
pub(crate) fn verdict(comparison: &Comparison) -> String {
    let gain = &comparison.gain;
    let judgement = if gain.is_above(0.0) {
        "distillation helps: the interval is above 0"
    } else if gain.mean + gain.half_width < 0.0 {
        "distillation hurts: the interval is below 0"
    } else {
        "no difference can be told: the interval includes 0"
    };
    format!("Distilled minus hard labels, seed by seed: {} points; {judgement}.", in_points(gain))
}

pub(crate) fn cart_pole(result: &CartPoleResult) -> String {
    let header = ["agent", "replay", "steps", "updates", "steps/s", "mean return", "worst"];
    let agents = table(&header, result.agents.iter().map(agent_row));
    let header = ["policy", "network", "mean return", "worst", "of teacher's %"];
    let header = [&header[..], &COST_HEADER].concat();
    let teacher = result.teacher();
    let students = result.students.iter().map(|student| policy_row("student", student, teacher));
    let policies =
        table(&header, std::iter::once(policy_row("teacher", teacher, teacher)).chain(students));
    format!(
        "\nReplay: DQN on CartPole-v1 until solved (a mean return of at least {SOLVED}); returns over \
         {EVALUATION_EPISODES} episodes, both agents at once, each on one thread:\n{agents}\n\n\
         Both: the {} agent's policy distilled through a buffer of {} steps with the teacher's \
         values (KL at temperature {}):\n{policies}\n",
        result.agents[result.teacher].replay,
        thousands(result.recorded_steps as f64),
        result.temperature,
    )
}

fn agent_row(agent: &AgentResult) -> Vec<String> {
    vec![
        if agent.solved { "DQN, solved" } else { "DQN, not solved" }.to_owned(),
        agent.replay.to_owned(),
        thousands(agent.steps as f64),
        thousands(agent.updates as f64),
        thousands(agent.steps_per_second),
        format!("{:.1}", agent.policy.mean_return),
        format!("{:.0}", agent.policy.worst_return),
    ]
}

fn policy_row(name: &str, policy: &PolicyResult, teacher: &PolicyResult) -> Vec<String> {
    let share = policy.size_percent(teacher);
    let name =
        if name == "teacher" { name.to_owned() } else { format!("{name}, {share:.2}% of it") };
    let mut row = vec![
        name,
        policy.network.clone(),
        format!("{:.1}", policy.mean_return),
        format!("{:.0}", policy.worst_return),
        format!("{:.1}", policy.return_percent(teacher)),
    ];
    row.extend(cells(policy.cost));
    row
}
