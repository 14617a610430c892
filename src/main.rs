//! The program `seedbed`: parse arguments, run, print the failure, exit.

fn main() -> std::process::ExitCode {
    seedbed::cli::main()
}
