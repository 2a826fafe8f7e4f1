//! Where the figures of a page are from, in the form that `cargo xtask claims` reads.

use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// The page with the comment below each of its headings, as far as which it holds.
pub(super) fn below_headings(page: &str) -> String {
    let claim = claim();
    let lines = page.lines().map(|line| {
        if line.starts_with('#') { format!("{line}\n\n{claim}\n") } else { format!("{line}\n") }
    });
    lines.collect()
}

/// A comment with this process's command, today's date and the machine.
fn claim() -> String {
    let command = command(std::env::args().skip(1));
    format!("<!-- claim: {command}; {}; {} -->", chrono::Utc::now().date_naive(), machine())
}

/// The command with which anybody can do the same: without the folders of this machine.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let (mut command, mut before) = ("cargo xtask".to_owned(), String::new());
    for argument in arguments {
        if argument != "--out" && before != "--out" {
            command.push(' ');
            command.push_str(if before == "--data" { "FOLDER" } else { &argument });
        }
        before = argument;
    }
    command
}

fn machine() -> String {
    let cpus = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(cpus);
    let cores = system.cpus().len();
    let brand = system.cpus().first().map_or("unknown", |cpu| cpu.brand().trim());
    format!("{cores} cores of {brand}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_no_folders() {
        let arguments = "reproduce der --data /home/me/mnist --seeds 3 --out /tmp/x --write";
        assert_eq!(
            command(arguments.split(' ').map(str::to_owned)),
            "cargo xtask reproduce der --data FOLDER --seeds 3 --write"
        );
    }
}
