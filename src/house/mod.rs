//! Moving house: a workspace goes from one store to another, or through a file.
//!
//! A store is walked as a stream of `Record`s; whoever takes them writes them into another store
//! (`Sink`), as lines into a file (`ndjson`), or into sums that are compared (`Sums`). What is in the
//! target already is passed over, so a move that was cut off goes on where it was.

mod compare;
mod copy;
mod ndjson;
mod record;
mod sink;
#[cfg(test)]
mod tests;
mod timer;
mod walk;

pub use compare::{Comparison, compare};
pub use copy::copy;
pub use ndjson::{export, import};
pub use record::Record;

use crate::ids::Seq;
use crate::store::StoreError;
use async_trait::async_trait;
use std::{fmt, io};

/// Rows or entries read at once.
const PAGE: usize = 256;
/// Rooms that move or are compared at the same time.
const ROOMS_AT_ONCE: usize = 8;

/// Why a move stopped.
#[derive(Debug)]
pub enum Problem {
    Store(StoreError),
    Io(io::Error),
    /// It would do harm, or what was read is not whole. With what to do.
    Refused(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Store(error @ StoreError::Corrupt(_)) => {
                write!(f, "{error}. Run chapiana verify on that store")
            }
            Problem::Store(error) => {
                write!(
                    f,
                    "{error}. Run the same command again: it goes on from here"
                )
            }
            Problem::Io(error) => write!(f, "{error}"),
            Problem::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Problem {}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Problem::Store(error)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Problem::Io(error)
    }
}

fn refused(why: impl Into<String>) -> Problem {
    Problem::Refused(why.into())
}

/// Takes the records of a workspace, in the order in which `walk` gives them.
#[async_trait]
trait Taker: Send {
    async fn take(&mut self, record: Record) -> Result<(), Problem>;
    /// Where the log of the room that was taken last ends here: entries below are not wanted again.
    fn head(&self) -> Seq {
        0
    }
}
