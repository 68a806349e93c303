//! The way past the queue: bytes that leave on the thread of whoever has them.

use super::Frame;
use std::fmt;

/// A socket that takes bytes without being waited for.
pub trait Direct: fmt::Debug + Send + Sync {
    /// Writes the frames behind each other, if nothing else is on its way out.
    fn try_write(&self, frames: &[Frame]) -> Wrote;
}

/// How far a direct write came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    All,
    /// The socket keeps the rest for its next flush.
    Part,
    /// The frames are still the caller's.
    Nothing,
}
