//! `chapiana seed`.

use super::Outcome;
use crate::auth::Passwords;
use crate::config::{Config, Settings};
use crate::seed::{BenchPlan, DEMO_PASSWORD, seed_bench, seed_sample};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct Seed {
    /// Instead of the sample: this many people without passwords, for benches
    #[arg(long, value_name = "N")]
    users: Option<usize>,
    /// With --users: channels
    #[arg(long, value_name = "N", default_value_t = 0, requires = "users")]
    rooms: usize,
    /// With --users: people per channel
    #[arg(long, value_name = "N", default_value_t = 0, requires = "users")]
    members: usize,
    /// With --users: where one line `ID TOKEN` per person is written
    #[arg(long, value_name = "FILE", requires = "users")]
    tokens: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Seed {
    pub async fn run(self) -> Outcome {
        let config = Config::load(&self.settings)?;
        let store = super::open(&config).await?;
        let Some(users) = self.users else {
            let passwords = Passwords::new(config.password_cost);
            let seeded = seed_sample(&store, &passwords).await?;
            println!(
                "seeded {} people, {} rooms, {} entries",
                seeded.people, seeded.rooms, seeded.entries
            );
            println!("sign in as ingrid@halden-ferries.example with: {DEMO_PASSWORD}");
            return Ok(ExitCode::SUCCESS);
        };
        let plan = BenchPlan {
            users,
            rooms: self.rooms,
            members: self.members,
        };
        let (seeded, lines) = seed_bench(&store, plan).await?;
        if let Some(path) = &self.tokens {
            std::fs::write(path, lines)?;
        }
        println!("seeded {} people, {} rooms", seeded.people, seeded.rooms);
        Ok(ExitCode::SUCCESS)
    }
}
