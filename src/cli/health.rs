//! `chapiana healthcheck`: for containers without a shell.

use super::Outcome;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Args)]
pub struct Healthcheck {
    /// Where the server listens
    #[arg(
        long,
        env = "CHAPIANA_HEALTH_ADDRESS",
        default_value = "127.0.0.1:8080",
        value_name = "HOST:PORT"
    )]
    address: String,
}

const WAIT: Duration = Duration::from_secs(5);

impl Healthcheck {
    pub async fn run(self) -> Outcome {
        let answer = tokio::time::timeout(WAIT, self.ask())
            .await
            .map_err(|_| "the server did not answer within 5 s")??;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let well = head.starts_with("HTTP/1.1 200");
        println!("{}", body.trim());
        Ok(if well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn ask(&self) -> std::io::Result<String> {
        let mut socket = TcpStream::connect(&self.address).await?;
        let request = format!(
            "GET /health/ready HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.take(65_536).read_to_string(&mut answer).await?;
        Ok(answer)
    }
}
