use std::process::ExitCode;

fn main() -> ExitCode {
    chapiana::tls::install_provider();
    chapiana::cli::run()
}
