//! Counts rounds at a store: reads under way at the same time are one.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Rounds {
    under_way: AtomicU64,
    count: AtomicU64,
}

/// A read under way.
pub struct UnderWay<'a>(&'a Rounds);

impl Rounds {
    /// A read begins. Whatever is asked beside it begins before it is answered.
    pub async fn begin(&self) -> UnderWay<'_> {
        if self.under_way.fetch_add(1, Ordering::SeqCst) == 0 {
            self.count.fetch_add(1, Ordering::SeqCst);
        }
        let read = UnderWay(self);
        tokio::task::yield_now().await;
        read
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}
