//! How our types stand in columns, and rows that are read by name.

use crate::access::WorkspaceRole;
use crate::clock::Timestamp;
use crate::entry::{Role, RoomKind};
use crate::ids::{ClientId, LoginId, NodeId, OwnerId, RoomId, TimerId, UserId};
use crate::store::{LoginKind, StoreError, StoreResult};
use scylla::response::query_result::QueryRowsResult;
use scylla::value::{CqlTimestamp, CqlValue, Row};
use std::sync::Arc;
use uuid::Uuid;

/// The values of one statement, in the order of its marks.
pub(super) type Values = Vec<Option<CqlValue>>;

/// A type that a column can hold.
pub(super) trait Column: Sized {
    fn put(self) -> Option<CqlValue>;
    /// `None`: the column holds something else.
    fn take(value: Option<CqlValue>) -> Option<Self>;
}

macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::cql::values::Column::put($value)),*]
    };
}
pub(super) use values;

macro_rules! plain_column {
    ($($type:ty: $kind:ident),*) => {$(
        impl Column for $type {
            fn put(self) -> Option<CqlValue> {
                Some(CqlValue::$kind(self))
            }
            fn take(value: Option<CqlValue>) -> Option<Self> {
                match value? {
                    CqlValue::$kind(value) => Some(value),
                    _ => None,
                }
            }
        }
    )*};
}
plain_column!(i64: BigInt, i32: Int, bool: Boolean, String: Text, Uuid: Uuid);

macro_rules! id_column {
    ($($id:ident),*) => {$(
        impl Column for $id {
            fn put(self) -> Option<CqlValue> {
                Some(CqlValue::Uuid(self.0))
            }
            fn take(value: Option<CqlValue>) -> Option<Self> {
                Uuid::take(value).map($id)
            }
        }
    )*};
}
id_column!(UserId, RoomId, ClientId, OwnerId, LoginId, NodeId, TimerId);

macro_rules! word_column {
    ($($word:ty),*) => {$(
        impl Column for $word {
            fn put(self) -> Option<CqlValue> {
                Some(CqlValue::Text(self.as_str().to_owned()))
            }
            fn take(value: Option<CqlValue>) -> Option<Self> {
                <$word>::parse(&String::take(value)?)
            }
        }
    )*};
}
word_column!(Role, RoomKind, WorkspaceRole);

impl Column for LoginKind {
    fn put(self) -> Option<CqlValue> {
        let word = match self {
            LoginKind::Cookie => "cookie",
            LoginKind::Bearer => "bearer",
        };
        word.put()
    }
    fn take(value: Option<CqlValue>) -> Option<Self> {
        match String::take(value)?.as_str() {
            "cookie" => Some(LoginKind::Cookie),
            "bearer" => Some(LoginKind::Bearer),
            _ => None,
        }
    }
}

impl Column for &str {
    fn put(self) -> Option<CqlValue> {
        Some(CqlValue::Text(self.to_owned()))
    }
    fn take(_: Option<CqlValue>) -> Option<Self> {
        None
    }
}

/// Seqs, ords, buckets: below 2^53; what is above means "no end".
impl Column for u64 {
    fn put(self) -> Option<CqlValue> {
        i64::try_from(self).unwrap_or(i64::MAX).put()
    }
    fn take(value: Option<CqlValue>) -> Option<Self> {
        i64::take(value)?.try_into().ok()
    }
}

impl Column for Timestamp {
    fn put(self) -> Option<CqlValue> {
        Some(CqlValue::Timestamp(CqlTimestamp(self.0)))
    }
    fn take(value: Option<CqlValue>) -> Option<Self> {
        match value? {
            CqlValue::Timestamp(at) => Some(Timestamp(at.0)),
            _ => None,
        }
    }
}

impl<const N: usize> Column for [u8; N] {
    fn put(self) -> Option<CqlValue> {
        Some(CqlValue::Blob(self.to_vec()))
    }
    fn take(value: Option<CqlValue>) -> Option<Self> {
        match value? {
            CqlValue::Blob(bytes) => bytes.try_into().ok(),
            _ => None,
        }
    }
}

/// An empty list is stored as null.
impl<T: Column> Column for Vec<T> {
    fn put(self) -> Option<CqlValue> {
        Some(CqlValue::List(
            self.into_iter().filter_map(T::put).collect(),
        ))
    }
    fn take(value: Option<CqlValue>) -> Option<Self> {
        match value {
            None => Some(Vec::new()),
            Some(CqlValue::List(items)) => {
                items.into_iter().map(|item| T::take(Some(item))).collect()
            }
            Some(_) => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    fn put(self) -> Option<CqlValue> {
        self.and_then(T::put)
    }
    fn take(value: Option<CqlValue>) -> Option<Self> {
        match value {
            None => Some(None),
            value => T::take(value).map(Some),
        }
    }
}

/// One row, its columns by name.
#[derive(Clone, Debug)]
pub(super) struct Found {
    names: Arc<[String]>,
    columns: Vec<Option<CqlValue>>,
}

impl Found {
    #[cfg(test)]
    pub fn of(columns: &[(&str, Option<CqlValue>)]) -> Self {
        Self {
            names: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            columns: columns.iter().map(|(_, value)| value.clone()).collect(),
        }
    }

    /// A column; absent counts as null.
    pub fn get<T: Column>(&self, name: &str) -> StoreResult<T> {
        let place = self.names.iter().position(|there| there == name);
        let value = place.and_then(|at| self.columns.get(at).cloned().flatten());
        T::take(value).ok_or_else(|| StoreError::Corrupt(format!("column {name} is malformed")))
    }
}

/// All rows of one page.
pub(super) fn found_in(page: &QueryRowsResult) -> StoreResult<Vec<Found>> {
    let malformed = |why: String| StoreError::Corrupt(format!("a malformed answer: {why}"));
    let specs = page.column_specs();
    let names: Arc<[String]> = specs.iter().map(|spec| spec.name().to_owned()).collect();
    let rows = page
        .rows::<Row>()
        .map_err(|why| malformed(why.to_string()))?;
    rows.map(|row| {
        let row = row.map_err(|why| malformed(why.to_string()))?;
        let names = Arc::clone(&names);
        Ok(Found {
            names,
            columns: row.columns,
        })
    })
    .collect()
}
