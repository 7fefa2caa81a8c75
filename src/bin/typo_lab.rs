//! The headless program.

fn main() -> std::process::ExitCode {
    typo_lab::cli::main()
}
