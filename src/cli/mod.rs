//! The headless program: the same experiments as the page, on standard output.

mod device;
mod examples;
mod folder;
mod lm;
mod run;
mod values;
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

/// Preference-optimisation losses on a bandit: exact minimisers, training runs, sweeps, verdicts, figures.
#[derive(Debug, Parser)]
#[command(name = "typo-lab", version, about, long_about = None, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
A SPEC is a JSON experiment file, or - for standard input; what it leaves out takes the Figure 2 preset's value.

  typo-lab preset figure-2 > mine.json         start from the paper's settings
  typo-lab minimise mine.json                  where each loss ends, exactly
  typo-lab sweep mine.json --format csv        the same over λ, as a table
  typo-lab verdict mine.json                   which desiderata hold, and by how much
  echo '{\"losses\":[{\"kind\":\"typo\",\"lambda\":0.1}]}' | typo-lab train -

Limits, told by a message before any work: 4,096 actions and 4,096 prompts; 20 million compared pairs of population
data (two prompts of 4,096 actions, or 4,096 of 99) and as many draws over all prompts; 10 million steps, 10,001 points of
a sweep, 1 million draws a prompt, 16 MiB of input.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Exact minimisers, weight decay included; "boundary" where a minimum is reached only in a limit
    Minimise(Experiment),
    /// Training runs: policies and objective, recorded every optimiser.record_every steps
    Train(Experiment),
    /// Exact minimisers over the experiment's range of λ or α
    Sweep(Experiment),
    /// The paper's desiderata for each loss, with the number behind each verdict
    Verdict(Experiment),
    /// Draws one of the paper's figures as SVG or PNG, by the file's ending
    Figure(Figure),
    /// Prints a preset's experiment file; without a name, lists the presets
    Preset {
        /// One of the listed names
        name: Option<String>,
        /// Writes to a file instead of standard output
        #[arg(long, short)]
        out: Option<PathBuf>,
    },
    /// Scores, fine-tunes and samples a GPT-2
    #[command(subcommand)]
    Lm(lm::Command),
    /// Prints a PyTorch script that makes the same training runs and needs nothing else
    Script(Script),
    /// Checks the files of the guided tour, one a step; names file, line and remedy of what is wrong
    Story {
        /// The folder of the files
        #[arg(default_value = "www/story")]
        folder: PathBuf,
    },
    /// Prints a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct Experiment {
    /// The experiment file, or - for standard input
    spec: PathBuf,
    /// Writes here instead of standard output; nothing is written where the input is wrong
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// JSON, or CSV as a table (not for verdict)
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Csv,
}

#[derive(Debug, clap::Args)]
struct Script {
    /// The experiment file, or - for standard input
    spec: Option<PathBuf>,
    /// A preset instead of a file
    #[arg(long, value_name = "NAME", conflicts_with = "spec")]
    preset: Option<String>,
    /// Writes here instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Figure {
    /// 2, 3, 5, 6 or 8; card for the picture that goes with a link
    number: crate::figure::paper::Number,
    /// The file to write; .svg or .png
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// An experiment file to draw instead of the paper's settings
    #[arg(long, value_name = "SPEC")]
    spec: Option<PathBuf>,
    /// Colours
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    theme: Theme,
    /// Pixels of a PNG for each of the drawing's units
    #[arg(long, default_value_t = 2.0, value_parser = scale)]
    scale: f32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Theme {
    Light,
    Dark,
}

fn scale(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|s| (0.5..=8.0).contains(s)).ok_or_else(|| "must be a number from 0.5 to 8".to_owned())
}

/// What stopped a command: a sentence for people, and the exit status.
#[derive(Debug)]
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// Wrong input: exit 2.
    fn input(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 2 }
    }

    /// A file or device that would not do its part: exit 1.
    fn system(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 1 }
    }
}

/// Parses the arguments, runs the command, and gives the process's exit status.
pub fn main() -> std::process::ExitCode {
    // Wrong arguments and calls for help have ended the process here.
    let given = Arguments::from_arg_matches(&with_examples().get_matches()).unwrap_or_else(|e| e.exit());
    match given.command.run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell where standard error is closed.
            let _ = writeln!(std::io::stderr(), "typo-lab: {}", failure.message);
            std::process::ExitCode::from(failure.status)
        }
    }
}

/// The arguments, with worked examples under every command's help.
fn with_examples() -> clap::Command {
    let all = with_negatives(Arguments::command());
    examples::ALL.iter().fold(all, |all, (path, text)| examples::under(all, path, text))
}

/// A negative number is a value, which is refused with what it must be, and not the name of an option.
fn with_negatives(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| arg.allow_negative_numbers(true)).mut_subcommands(with_negatives)
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Minimise(e) => run::minimise(&e),
            Self::Train(e) => run::train(&e),
            Self::Sweep(e) => run::sweep(&e),
            Self::Verdict(e) => run::verdict(&e),
            Self::Figure(f) => run::figure(&f),
            Self::Preset { name, out } => run::preset(name.as_deref(), out.as_deref()),
            Self::Lm(command) => command.run(),
            Self::Script(s) => run::script(&s),
            Self::Story { folder } => run::story(&folder),
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Arguments::command(), "typo-lab", &mut script);
                run::write(None, &script)
            }
        }
    }
}
