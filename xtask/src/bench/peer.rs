//! A peer: a program that is told what to do line by line, in Python in a virtual environment, or in
//! Rust in a workspace of its own.
//!
//! It says its name, answers `prepare` with a number that depends on its result, or with a text that
//! says why it cannot do this here, and `time` with the nanoseconds of a call. `xtask/peers/serve.py`
//! is the side of the conversation that peers in Python share.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

/// Written to an environment when it is complete; holds what was installed.
const STAMP: &str = "reflux-requirements.txt";

/// Where a peer comes from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) program: Program,
    /// What has to be installed or built the first time, for whoever waits for it.
    pub(crate) needs: &'static str,
}

#[derive(Debug)]
pub(crate) enum Program {
    /// A module of `xtask/peers`, in the environment that has what `requirements-ENVIRONMENT.txt`
    /// there pins.
    Python { module: &'static str, environment: &'static str },
    /// A package of `xtask/peers` with a lock file of its own.
    Rust { package: &'static str },
}

impl Source {
    /// A module that calls PyTorch.
    pub(crate) const fn pytorch(module: &'static str) -> Self {
        let program = Program::Python { module, environment: "torch" };
        Self { program, needs: "PyTorch, on Linux a download of 3 GB" }
    }

    /// A module that calls Stable-Baselines3.
    pub(crate) const fn stable_baselines3(module: &'static str) -> Self {
        let program = Program::Python { module, environment: "dqn" };
        Self { program, needs: "Stable-Baselines3 and PyTorch, on Linux a download of 3 GB" }
    }

    /// Whether a Python peer is there, so that nobody has to wait for its installation.
    pub(crate) fn is_installed(&self) -> bool {
        match self.program {
            Program::Python { environment, .. } => Environment::new(&peers(), environment)
                .is_ok_and(|environment| environment.is_installed()),
            Program::Rust { .. } => false,
        }
    }

    /// The command that starts it as a peer; installs or builds it first, if need be.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = self.run(|_| "serve.py".to_owned())?;
        if let Program::Python { module, .. } = self.program {
            command.arg(module);
        }
        Ok(command)
    }

    /// The command that runs its module as a program of its own; installs what it needs first, if need be.
    pub(crate) fn script(&self) -> Result<Command> {
        self.run(|module| format!("{module}.py"))
    }

    /// Runs a file of `xtask/peers`, which may depend on the module, or the program of a package.
    fn run(&self, file: impl FnOnce(&str) -> String) -> Result<Command> {
        let peers = peers();
        match self.program {
            Program::Python { module, environment } => {
                let python = Environment::new(&peers, environment)?.python(self.needs)?;
                let mut command = Command::new(python);
                command.arg(peers.join(file(module)));
                Ok(command)
            }
            Program::Rust { package } => Ok(Command::new(build(&peers, package, self.needs)?)),
        }
    }
}

/// What came of asking for work to be prepared.
pub(crate) enum Prepared {
    /// The work's result.
    Result(f64),
    /// Why it cannot be done here.
    Unavailable(String),
}

pub(crate) struct Peer {
    name: String,
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a peer that may use so many threads; installs it first, if need be.
    pub(crate) fn start(source: &Source, threads: usize) -> Result<Self> {
        let mut process = source
            .command()?
            .env("RAYON_NUM_THREADS", threads.to_string())
            // As ours do (see core.rs): each of PyTorch's threads stays on a core of its own.
            .env("OMP_PROC_BIND", (threads > 1).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{:?} cannot be started", source.program))?;
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

    /// Has it make the inputs of a case and do the work once.
    pub(crate) fn prepare(&mut self, parameters: &Value, threads: usize) -> Result<Prepared> {
        let question = json!({ "do": "prepare", "parameters": parameters, "threads": threads });
        match self.ask(&question)? {
            Value::String(reason) => Ok(Prepared::Unavailable(reason)),
            answer => self.number(&answer).map(Prepared::Result),
        }
    }

    /// Has it do the work for so long; returns the nanoseconds a call.
    pub(crate) fn time(&mut self, duration: Duration) -> Result<f64> {
        let answer = self.ask(&json!({ "do": "time", "seconds": duration.as_secs_f64() }))?;
        self.number(&answer)
    }

    fn number(&self, answer: &Value) -> Result<f64> {
        answer.as_f64().with_context(|| format!("{} answers {answer}, no number", self.name))
    }

    fn ask(&mut self, question: &Value) -> Result<Value> {
        writeln!(self.to, "{question}").context("the peer has ended; its message is above")?;
        self.answer()
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

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// A virtual environment under `target/peers/` that has what `requirements-NAME.txt` pins. Groups whose
/// peers have nothing in common have each their own, so that whoever measures one need not install the
/// peers of the others.
struct Environment {
    folder: PathBuf,
    requirements: PathBuf,
    wanted: String,
}

impl Environment {
    fn new(peers: &Path, name: &str) -> Result<Self> {
        let folder = peers.join("../../target/peers").join(name);
        let requirements = peers.join(format!("requirements-{name}.txt"));
        let wanted = std::fs::read_to_string(&requirements)
            .with_context(|| format!("{} cannot be read", requirements.display()))?;
        Ok(Self { folder, requirements, wanted })
    }

    /// Whether it is there and has nothing else.
    fn is_installed(&self) -> bool {
        let stamp = self.folder.join(STAMP);
        std::fs::read_to_string(stamp).is_ok_and(|installed| installed == self.wanted)
    }

    /// Its Python; installed first if need be.
    fn python(&self, needs: &str) -> Result<PathBuf> {
        let Self { folder, requirements, wanted } = self;
        let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        if self.is_installed() {
            return Ok(python);
        }
        eprintln!("installing in {}: {needs}", folder.display());
        let started = Instant::now();
        let base = if cfg!(windows) { "python" } else { "python3" };
        run(Command::new(base).args(["-m", "venv", "--clear"]).arg(folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(&python).args(pip).arg(requirements))?;
        std::fs::write(folder.join(STAMP), wanted)?;
        eprintln!("installed in {:.0} s", started.elapsed().as_secs_f64());
        Ok(python)
    }
}

/// The program of a package, built under `target/peers/` as its lock file says.
fn build(peers: &Path, package: &str, needs: &str) -> Result<PathBuf> {
    let folder = peers.join("../../target/peers").join(package);
    let program =
        folder.join("release").join(package).with_extension(std::env::consts::EXE_EXTENSION);
    if !program.exists() {
        eprintln!("building in {}: {needs}", folder.display());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Cargo knows itself whether there is anything to do.
    run(Command::new(cargo)
        .args(["build", "--quiet", "--release", "--locked", "--target-dir"])
        .arg(&folder)
        .arg("--manifest-path")
        .arg(peers.join(package).join("Cargo.toml")))?;
    Ok(program)
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("{program} cannot be started; --peers needs it"))?;
    if !status.success() {
        bail!("{program} failed; its message is above");
    }
    Ok(())
}
