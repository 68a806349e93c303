//! `chapiana schema`.

use super::Outcome;
use crate::config::{Config, Settings, StorePlace};
use crate::store::cql::CqlStore;
use std::process::ExitCode;

pub async fn run(settings: &Settings) -> Outcome {
    let config = Config::load(settings)?;
    match &config.store {
        StorePlace::Embedded => print!("{}", include_str!("../../schema.cql")),
        StorePlace::Cql(place) => {
            let done = CqlStore::apply_schema(place, config.bucket_bits).await;
            println!(
                "{}",
                done.map_err(|error| format!("setting store: {error}"))?
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
