//! `cargo xtask reproduce NAME`: a paper's table beside ours.

mod buffer_size;
mod chart;
mod curves;
mod der;
mod hinton2015;
mod jitter;
mod per;
mod provenance;
mod qdagger;
mod rusu2015;
mod sb3;
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
    /// Uniform and prioritized replay on the Blind Cliffwalk, on a deep sea and on CartPole (Schaul et
    /// al. 2016, arXiv:1511.05952)
    Per(per::Args),
    /// A student with and without its teacher: kickstarting and QDagger on CartPole (Agarwal et al. 2022,
    /// arXiv:2206.01626)
    Qdagger(qdagger::Args),
    /// Returns at equal steps on CartPole, ours and Stable-Baselines3's, with the hyperparameters that RL
    /// Baselines3 Zoo publishes
    Sb3(sb3::Args),
    /// Policies in networks with 25%, 7% and 4% of the parameters, by three losses, in CartPole and
    /// Acrobot (Rusu et al. 2015, arXiv:1511.06295)
    Rusu2015(rusu2015::Args),
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

    /// Shows the page of the reproduction `name`, and writes it into the book if that is wanted,
    /// together with its images, each with the name of its file. Below each heading comes which command has
    /// printed the figures, when and where.
    fn publish(&self, name: &str, page: &str, images: &[(String, String)]) -> Result<()> {
        let page = &provenance::below_headings(page);
        println!("{page}");
        if self.write {
            let book = Path::new("docs/src");
            for (file, image) in images {
                output::prepare_folder(&book.join("images"))?;
                output::write(&book.join("images").join(file), image)?;
            }
            let path = book.join(format!("reproduced-{name}.md"));
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
        Paper::Per(args) => per::run(args),
        Paper::Qdagger(args) => qdagger::run(args),
        Paper::Sb3(args) => sb3::run(args),
        Paper::Rusu2015(args) => rusu2015::run(args),
        Paper::BufferSize(args) => buffer_size::run(args),
        Paper::SweepDigits(args) => sweep_digits::run(args),
    }
}
