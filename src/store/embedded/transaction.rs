//! The writer's open transaction, with the statements that it has used so far.

use rusqlite::{CachedStatement, Connection, Params};
use std::cell::RefCell;
use std::ops::Deref;

/// The connection, for everything that is not hot.
pub(super) struct Transaction<'c> {
    connection: &'c Connection,
    /// By their text, which is compared by its place: rusqlite's own cache copies and hashes it each
    /// time, which several statements per message make a cost.
    ready: RefCell<Vec<(&'static str, CachedStatement<'c>)>>,
}

impl<'c> Transaction<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            ready: RefCell::default(),
        }
    }

    /// Runs a statement that answers no rows; the number of rows that it changed.
    pub(super) fn execute(
        &self,
        sql: &'static str,
        values: impl Params,
    ) -> rusqlite::Result<usize> {
        let mut ready = self.ready.borrow_mut();
        let found = ready.iter().position(|(text, _)| std::ptr::eq(*text, sql));
        let at = match found {
            Some(at) => at,
            None => {
                ready.push((sql, self.connection.prepare_cached(sql)?));
                ready.len() - 1
            }
        };
        ready[at].1.execute(values)
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
