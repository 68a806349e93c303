//! `chapiana schema`.

use super::Outcome;
use crate::config::{Config, Settings, StorePlace};
use crate::store::cql::CqlStore;
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Schema {
    /// Copies of everything in each data centre, when the keyspace is made (as a rule: 3, or one on each node if
    /// there are fewer). One that has tables keeps its copies; it says how they are changed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    copies: Option<u8>,
    #[command(flatten)]
    settings: Settings,
}

impl Schema {
    pub async fn run(self) -> Outcome {
        let config = Config::load(&self.settings)?;
        let copies = self.copies.map(usize::from);
        match &config.store {
            StorePlace::Embedded if copies.is_some() => {
                return Err("--copies is of a cluster; give --store cql:HOST:PORT/KEYSPACE".into());
            }
            StorePlace::Embedded => print!("{}", include_str!("../../schema.cql")),
            StorePlace::Cql(place) => {
                let done = CqlStore::apply_schema(place, config.bucket_bits, copies).await;
                let done = done.map_err(|error| format!("setting store: {place}: {error}"))?;
                println!("{done}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
