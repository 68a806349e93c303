//! The settings that say where the store is.

use super::{ConfigError, Raw};
use crate::store::cql::{CqlPlace, Secret};
use std::path::PathBuf;

/// Which store, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// In the data folder.
    Embedded,
    Cql(CqlPlace),
}

impl Raw<'_> {
    /// The store, and the data folder if the setting names one.
    pub(super) fn store(&self) -> Result<(StorePlace, Option<PathBuf>), ConfigError> {
        let embedded = |folder| Some((StorePlace::Embedded, folder));
        let found = self.parsed("store", |text| match text.split_once(':') {
            None => (text == "embedded").then(|| embedded(None))?,
            Some(("embedded", "")) => None,
            Some(("embedded", folder)) => embedded(Some(PathBuf::from(folder))),
            Some(("cql", rest)) => Some((StorePlace::Cql(CqlPlace::parse(rest)?), None)),
            Some(_) => None,
        })?;
        match found {
            (StorePlace::Cql(place), folder) => {
                Ok((StorePlace::Cql(self.entry_to(place)?), folder))
            }
            embedded => Ok(embedded),
        }
    }

    /// The same place with name, password and certificates.
    fn entry_to(&self, mut place: CqlPlace) -> Result<CqlPlace, ConfigError> {
        let (user, _) = self.find("store-user");
        let (password, _) = self.find("store-password");
        let password = match password.as_str() {
            "" => self.parsed("store-password-file", |path| match path {
                "" => Some(String::new()),
                path => {
                    let text = std::fs::read_to_string(path).ok()?;
                    Some(text.trim_end_matches(['\r', '\n']).to_owned())
                }
            })?,
            _ => password,
        };
        place.login = (!user.is_empty()).then_some((user, Secret(password)));
        place.ca = self.parsed("store-ca", |path| match path {
            "" => Some(None),
            path => std::fs::File::open(path)
                .ok()
                .map(|_| Some(PathBuf::from(path))),
        })?;
        Ok(place)
    }
}
