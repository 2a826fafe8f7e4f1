//! `cargo xtask claims`: every measured number in the documents has the command that prints it, the date
//! and the machine.
//!
//! They stand in a comment, which readers do not see:
//!
//! ```text
//! <!-- claim: cargo xtask demo; 2026-11-24; 2 cores, AMD EPYC; cheap -->
//! ```
//!
//! A claim holds for what follows it, up to the next claim or heading. `cheap`, at its end, is for what
//! `--run` may run again. `<!-- claim: none: reason -->` is for numbers that nobody measured: settings,
//! or what others have published. Which numbers look measured is said in `numbers.rs`.

mod command;
mod numbers;

use std::process::Command;

use anyhow::{Result, ensure};

use super::workspace::{Document, documents, no_problems, root};

/// The options of `cargo xtask claims`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Run the cheap commands again, and say which numbers they do not print any more
    #[arg(long)]
    run: bool,
    /// Print all claims
    #[arg(long)]
    list: bool,
}

/// A comment, and the lines for which it holds.
#[derive(Debug, PartialEq)]
struct Claim {
    line: usize,
    source: Source,
    /// Measured numbers, as they are written.
    numbers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Source {
    Measured { command: String, date: String, machine: String, cheap: bool },
    NotMeasured,
}

pub(crate) fn claims(args: &Args) -> Result<()> {
    let (mut problems, mut claims) = (Vec::new(), Vec::new());
    for document in documents()?.into_iter().filter(is_checked) {
        let (found, wrong) = read(&document.text);
        let place = document.path.display().to_string();
        problems.extend(wrong.into_iter().map(|(line, what)| format!("{place}:{line}: {what}")));
        claims.extend(found.into_iter().map(|claim| (place.clone(), claim)));
    }
    let (mut commands, mut numbers) = (std::collections::BTreeSet::new(), 0);
    for (place, claim) in &claims {
        let Source::Measured { command, date, machine, cheap } = &claim.source else { continue };
        commands.insert(command);
        numbers += claim.numbers.len();
        if args.list {
            let (line, cheap) = (claim.line, if *cheap { " (cheap)" } else { "" });
            println!("{place}:{line}: {command}, {date}, {machine}{cheap}");
        }
    }
    no_problems(&problems)?;
    println!("{numbers} measured numbers, printed by {} commands", commands.len());
    if args.run { run_again(&claims) } else { Ok(()) }
}

/// What tells how the project was worked on (changelog, this rule) claims nothing.
fn is_checked(document: &Document) -> bool {
    let name = document.path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("README") || document.path.starts_with("docs")
}

/// The claims of a document, and what is wrong in it with the number of the line.
fn read(text: &str) -> (Vec<Claim>, Vec<(usize, String)>) {
    let (mut claims, mut problems) = (Vec::<Claim>::new(), Vec::new());
    let (mut holds, mut code) = (false, Code::None);
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        if let Some(language) = line.trim_start().strip_prefix("```") {
            code = code.after_fence(language);
        } else if let (Code::None, Some(comment)) = (code, comment(line)) {
            match comment_source(comment) {
                Ok(source) => {
                    claims.push(Claim { line: line_number, source, numbers: Vec::new() });
                    holds = true;
                }
                Err(problem) => problems.push((line_number, format!("{problem:#}"))),
            }
        } else if line.starts_with('#') && code == Code::None {
            holds = false;
        } else if code != Code::Program {
            let numbers = numbers::measured(line);
            match claims.last_mut().filter(|_| holds) {
                Some(claim) => claim.numbers.extend(numbers),
                None if numbers.is_empty() => {}
                None => problems.push((
                    line_number,
                    format!("{} without a <!-- claim: ... -->", numbers.join(", ")),
                )),
            }
        }
    }
    (claims, problems)
}

/// Whether a line is in fenced code, and of which kind: what a command printed is in fences of `text`.
#[derive(Clone, Copy, PartialEq)]
enum Code {
    None,
    Printed,
    Program,
}

impl Code {
    fn after_fence(self, language: &str) -> Self {
        match (self, language.trim()) {
            (Self::None, "text") => Self::Printed,
            (Self::None, _) => Self::Program,
            _ => Self::None,
        }
    }
}

fn comment(line: &str) -> Option<&str> {
    Some(line.trim().strip_prefix("<!-- claim:")?.strip_suffix("-->")?.trim())
}

fn comment_source(comment: &str) -> Result<Source> {
    if let Some(reason) = comment.strip_prefix("none:") {
        ensure!(!reason.trim().is_empty(), "the reason why nothing was measured is missing");
        return Ok(Source::NotMeasured);
    }
    let parts: Vec<&str> = comment.split(';').map(str::trim).collect();
    let ([command, date, machine], cheap) = match parts[..] {
        [command, date, machine] => ([command, date, machine], false),
        [command, date, machine, "cheap"] => ([command, date, machine], true),
        _ => anyhow::bail!("a claim is `command; date; machine` or `none: reason`"),
    };
    command::check(command)?;
    ensure!(is_date(date), "a date is YYYY-MM-DD, got {date:?}");
    ensure!(!machine.is_empty(), "the machine is missing");
    let [command, date, machine] = [command, date, machine].map(str::to_owned);
    Ok(Source::Measured { command, date, machine, cheap })
}

fn is_date(date: &str) -> bool {
    let parts: Vec<Option<u32>> = date.split('-').map(|part| part.parse().ok()).collect();
    date.len() == 10
        && matches!(parts[..], [Some(2000..), Some(month), Some(day)]
            if (1..=12).contains(&month) && (1..=31).contains(&day))
}

/// Runs each cheap command and lists the numbers that it does not print. Times differ from run to run;
/// what the seed settles does not.
fn run_again(claims: &[(String, Claim)]) -> Result<()> {
    let mut printed = std::collections::BTreeMap::<&str, String>::new();
    for (place, claim) in claims {
        let Source::Measured { command, cheap: true, .. } = &claim.source else { continue };
        if !printed.contains_key(command.as_str()) {
            println!("\n== {command}");
            let mut words = command.split_whitespace();
            let mut program = Command::new(words.next().unwrap_or_default());
            let text = super::workspace::output(program.args(words).current_dir(root()))?;
            printed.insert(command, text);
        }
        let text = &printed[command.as_str()];
        let numbers = claim.numbers.iter().map(String::as_str);
        let gone: Vec<&str> =
            numbers.filter(|number| !text.contains(numbers::digits(number))).collect();
        let (all, line) = (claim.numbers.len(), claim.line);
        println!(
            "{place}:{line}: {} of {all} are printed; not: {}",
            all - gone.len(),
            gone.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: &str = "<!-- claim: cargo xtask demo; 2026-11-24; 2 cores -->";

    fn problems(text: &str) -> Vec<(usize, String)> {
        read(text).1
    }

    #[test]
    fn a_claim_holds_up_to_the_next_heading() {
        let text = format!("# A\n{CLAIM}\nIt takes 3 ms.\n\n| 94.40 |\n## B\nIt takes 4 ms.");
        let (claims, problems) = read(&text);
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].numbers, ["3 ms", "94.40"]);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].0, 7);
    }

    #[test]
    fn printed_tables_count_and_programs_do_not() {
        assert_eq!(problems("```text\n│ 3.1 ms ┆\n```").len(), 1);
        assert_eq!(problems("```rust\nsleep(\"3.1 ms\");\n```"), []);
    }

    #[test]
    fn numbers_that_are_not_measured_need_a_reason() {
        assert_eq!(problems("<!-- claim: none: a setting -->\nAfter 20 seconds"), []);
        assert_eq!(problems("<!-- claim: none: -->").len(), 1);
    }

    #[test]
    fn commands_dates_and_parts_are_checked() {
        for (wrong, part) in [
            ("cargo xtask dance; 2026-11-24; EPYC", "dance"),
            ("cargo xtask demo; 24.11.2026; EPYC", "YYYY-MM-DD"),
            ("cargo xtask demo; 2026-11-24", "command; date; machine"),
            ("cargo run -p reflux-nn --example absent; 2026-11-24; EPYC", "absent"),
        ] {
            let found = problems(&format!("<!-- claim: {wrong} -->"));
            assert!(found.len() == 1 && found[0].1.contains(part), "{wrong}: {found:?}");
        }
        assert_eq!(problems(CLAIM), []);
    }
}
