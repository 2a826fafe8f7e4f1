//! A peer: a Python program in a virtual environment of its own, which is told what to do line by
//! line.
//!
//! It answers `prepare` with a number that depends on its result, and `time` with the nanoseconds of
//! a call. `xtask/peers/serve.py` is its side of the conversation.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::case::Group;

/// Written to an environment when it is complete; holds what was installed.
const STAMP: &str = "reflux-requirements.txt";

pub(crate) struct Peer {
    name: String,
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts the peer of a group; makes its environment first, if there is none.
    pub(crate) fn start(group: &Group) -> Result<Self> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let python = environment(&scripts, group)?;
        let mut process = Command::new(&python)
            .arg(scripts.join("serve.py"))
            .arg(group.name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", python.display()))?;
        let (to, from) = (process.stdin.take(), process.stdout.take());
        let to = to.ok_or_else(|| anyhow!("the peer has no standard input"))?;
        let from = BufReader::new(from.ok_or_else(|| anyhow!("the peer has no standard output"))?);
        let mut peer = Self { name: "the peer".to_owned(), process, to, from };
        let name = peer.answer()?;
        peer.name = name.as_str().context("the peer does not say who it is")?.to_owned();
        Ok(peer)
    }

    /// Its name and version.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Has it make the inputs of a case and do the work once; returns what came out.
    pub(crate) fn prepare(&mut self, parameters: &Value, threads: usize) -> Result<f64> {
        self.ask(&json!({ "do": "prepare", "parameters": parameters, "threads": threads }))
    }

    /// Has it do the work for so long; returns the nanoseconds a call.
    pub(crate) fn time(&mut self, duration: Duration) -> Result<f64> {
        self.ask(&json!({ "do": "time", "seconds": duration.as_secs_f64() }))
    }

    fn ask(&mut self, question: &Value) -> Result<f64> {
        writeln!(self.to, "{question}").context("the peer has ended; its message is above")?;
        let answer = self.answer()?;
        answer.as_f64().with_context(|| format!("{} answers {answer}, no number", self.name))
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the peer has ended; its message is above");
        serde_json::from_str(&line).with_context(|| format!("the peer says {line:?}, no JSON"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Python of a virtual environment that has what the group's peer requires, pinned in
/// `requirements-GROUP.txt`; made under `target/peers/` if it is not there or has something else. Each
/// group has its own, so that whoever measures one need not install the peers of the others.
fn environment(scripts: &Path, group: &Group) -> Result<PathBuf> {
    let folder = scripts.join("../../target/peers").join(group.name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let requirements = scripts.join(format!("requirements-{}.txt", group.name));
    let wanted = std::fs::read_to_string(&requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    let stamp = folder.join(STAMP);
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("installing in {}: {}", folder.display(), group.peer);
    let started = Instant::now();
    let base = if cfg!(windows) { "python" } else { "python3" };
    command(Command::new(base).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    command(Command::new(&python).args(pip).arg(&requirements))?;
    std::fs::write(&stamp, wanted)?;
    eprintln!("installed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(python)
}

fn command(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("{program} cannot be started; --peers needs Python"))?;
    if !status.success() {
        bail!("{program} failed; its message is above");
    }
    Ok(())
}
