use std::process::ExitCode;

fn main() -> ExitCode {
    chapiana::cli::run()
}
