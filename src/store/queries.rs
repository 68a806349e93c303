//! How often the log is asked for something, for those who want to know.

use prometheus::IntCounter;
use std::sync::OnceLock;

/// Counts queries of the log: entries, heads, and where a log ends.
#[derive(Debug, Default)]
pub struct LogQueries(OnceLock<IntCounter>);

impl LogQueries {
    /// From now on they are counted there, if they are not counted already.
    pub fn count_into(&self, counter: &IntCounter) {
        let _ = self.0.set(counter.clone());
    }

    pub fn count(&self) {
        if let Some(counter) = self.0.get() {
            counter.inc();
        }
    }
}
