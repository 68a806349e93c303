//! `chapiana copy`, `export` and `import`.

use super::Outcome;
use crate::config::{Config, Settings, StorePlace};
use crate::house;
use crate::store::Store;
use clap::Args;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Args)]
pub struct Copy {
    /// What is copied: embedded:FOLDER or cql:HOST:PORT/KEYSPACE. No node may run on it
    #[arg(long, value_name = "STORE")]
    from: String,
    /// Where it goes: empty, or left by a copy that was cut off. No node may run on it
    #[arg(long, value_name = "STORE")]
    to: String,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub struct Export {
    /// Also password hashes, log-ins and invites. Whoever has such a file can act as everybody in it
    #[arg(long)]
    secrets: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub struct Import {
    /// The file; without one, standard input
    file: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Copy {
    pub async fn run(self) -> Outcome {
        let side = |store: &str| Config::load(&self.settings.clone().with_store(store));
        let (from, to) = (side(&self.from)?, side(&self.to)?);
        if from.store == to.store && from.data_dir == to.data_dir {
            return Err("--from and --to are the same store".into());
        }
        let (source, target) = (open_source(&from).await?, super::open(&to).await?);
        let mut told = std::io::stderr();
        house::copy(&*source, &*target, to.bucket_bits, &mut told).await?;
        let comparison = house::compare(&*source, &*target).await?;
        println!("{comparison}");
        let whole = crate::verify::run(&*target, &mut std::io::stdout()).await?;
        source.close().await;
        target.close().await;
        if comparison.is_equal() && whole {
            return Ok(ExitCode::SUCCESS);
        }
        Err(
            "the copy is not what was copied: keep the source, and copy into an empty target"
                .into(),
        )
    }
}

/// The store of these settings, which must exist.
async fn open_source(config: &Config) -> Result<Arc<dyn Store>, crate::serve::Failure> {
    if config.store == StorePlace::Embedded && !config.data_dir.is_dir() {
        let folder = config.data_dir.display();
        return Err(format!("there is no folder {folder}").into());
    }
    super::open(config).await
}

impl Export {
    pub async fn run(self) -> Outcome {
        let config = Config::load(&self.settings)?;
        let store = open_source(&config).await?;
        let mut out = BufWriter::new(std::io::stdout());
        let count = house::export(&*store, self.secrets, &mut out).await?;
        out.flush()?;
        eprintln!("exported {count} records");
        if !self.secrets {
            eprintln!(
                "without password hashes, log-ins and invites (--secrets takes them along): after an \
                 import each person needs chapiana user reset-password"
            );
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

impl Import {
    pub async fn run(self) -> Outcome {
        let config = Config::load(&self.settings)?;
        let store = super::open(&config).await?;
        let file = self.file.as_deref().unwrap_or("/dev/stdin".as_ref());
        let opened = std::fs::File::open(file);
        let opened = opened.map_err(|error| format!("{}: {error}", file.display()))?;
        let mut input = std::io::BufReader::new(opened);
        let count = house::import(&*store, config.bucket_bits, &mut input).await?;
        eprintln!("imported {count} records");
        let whole = crate::verify::run(&*store, &mut std::io::stdout()).await?;
        store.close().await;
        Ok(match whole {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}
