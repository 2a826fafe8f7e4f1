//! `cargo xtask reproduce NAME`: a paper's table beside ours.

mod buffer_size;
mod chart;
mod der;
mod hinton2015;
mod jitter;
mod sweep_digits;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::output;

/// The options of `cargo xtask reproduce`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    paper: Paper,
}

#[derive(Debug, clap::Subcommand)]
enum Paper {
    /// Distilling a large network on MNIST into a small one, also without ever showing it a 3 (Hinton,
    /// Vinyals & Dean 2015, arXiv:1503.02531, section 3)
    Hinton2015(hinton2015::Args),
    /// Learning one task after another without forgetting the first: DER and DER++ on permuted and
    /// rotated MNIST (Buzzega et al. 2020, arXiv:2004.07211, table 2)
    Der(der::Args),
    /// How large a replay buffer should be, and how often to learn from it: DQN on CartPole-v1 and
    /// Acrobot-v1, the figures of the guide (after Zhang & Sutton 2017, arXiv:1712.01275, and Fedus et
    /// al. 2020, arXiv:2007.06700)
    BufferSize(buffer_size::Args),
    /// What temperature, alpha, labels, student and teacher do, on the digits that come with Reflux: the
    /// figures of the guide
    SweepDigits(sweep_digits::Args),
}

/// What every reproduction is told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// How often everything is done, each time from another seed
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Networks and runs that are ready are kept here, and not trained again
    #[arg(long, default_value = "target/reproduce")]
    out: PathBuf,
    /// Write the results into the book, docs/src, and not only to the terminal
    #[arg(long)]
    write: bool,
}

impl Common {
    /// The folder in which the reproduction `name` keeps what is ready.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.out.join(name);
        output::prepare_folder(&folder)?;
        Ok(folder)
    }

    /// Shows the page of the reproduction `name`, and writes it into the book if that is wanted.
    fn publish(&self, name: &str, page: &str) -> Result<()> {
        println!("{page}");
        if self.write {
            let path = Path::new("docs/src").join(format!("reproduced-{name}.md"));
            output::write(&path, page)?;
            println!("written to {}", path.display());
        }
        Ok(())
    }
}

/// What reproductions on MNIST are told besides.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Mnist {
    /// The folder with the four files of MNIST
    #[arg(long)]
    data: PathBuf,
}

/// Runs the reproduction.
pub(crate) fn run(args: &Args) -> Result<()> {
    crate::interrupt::listen()?;
    match &args.paper {
        Paper::Hinton2015(args) => hinton2015::run(args),
        Paper::Der(args) => der::run(args),
        Paper::BufferSize(args) => buffer_size::run(args),
        Paper::SweepDigits(args) => sweep_digits::run(args),
    }
}
