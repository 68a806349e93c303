//! Tries to log in: how many failed, for whom from where (RELIABILITY.md §5.3, §5.4). They count on
//! every node: each tells the others of the tries that it sees.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::limits;
use crate::rate::{Limiter, Whom};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longest wait between two tries, milliseconds.
const WAIT_MS_MAX: u64 = 15 * 60_000;

/// Names whom a try is about or whence it comes, without saying it.
pub type Digest = [u8; 16];

/// One try, as it is told to other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// The account and the address together: strangers lock nobody out.
    pub account: Digest,
    pub address: Digest,
}

impl Try {
    /// A try with this e-mail address from there.
    pub fn new(email: &str, address: IpAddr) -> Self {
        let whence = format!("{:?}", Whom::address(address));
        Self {
            account: digest(&[email, &whence]),
            address: digest(&[&whence]),
        }
    }

    /// Takes a token of the address on this node.
    pub fn take(&self, limiter: &Limiter, now: Timestamp) -> Result<()> {
        let whom = Whom::Digest(self.address);
        limiter.take(now, "login", whom, limits::LOGIN_PER_ADDRESS)
    }
}

fn digest(parts: &[&str]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut short = Digest::default();
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

/// The failures of late.
pub struct Failures {
    known: Mutex<HashMap<Digest, Failed>>,
    /// So many cost no wait.
    free: u32,
}

#[derive(Clone, Copy, Default)]
struct Failed {
    count: u32,
    last: Timestamp,
}

impl Failures {
    pub fn new(free: u32) -> Self {
        Self {
            known: Mutex::default(),
            free,
        }
    }

    /// Counts a try as failed before it is made, so that many at once do not slip through; refused
    /// with the time to wait if there were too many.
    pub fn count(&self, account: Digest, now: Timestamp) -> Result<()> {
        let mut known = self.known();
        let failed = entry(&mut known, account, now);
        if let Some(beyond) = failed.count.checked_sub(self.free) {
            let wait = 1_000_u64
                .saturating_mul(1 << beyond.min(20))
                .min(WAIT_MS_MAX);
            let gone = now.since(failed.last);
            if gone < wait {
                return Err(Error::rate_limited(wait - gone));
            }
        }
        failed.add(now);
        Ok(())
    }

    /// Another node let this try pass.
    pub fn heard(&self, account: Digest, now: Timestamp) {
        entry(&mut self.known(), account, now).add(now);
    }

    /// The right password forgets them.
    pub fn forget(&self, account: Digest) {
        self.known().remove(&account);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Digest, Failed>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of an account; when there is too much of it, what is over goes, then everything.
fn entry(known: &mut HashMap<Digest, Failed>, account: Digest, now: Timestamp) -> &mut Failed {
    if known.len() >= limits::RATE_KEYS_MAX {
        known.retain(|_, failed| !failed.is_over(now));
        if known.len() >= limits::RATE_KEYS_MAX {
            known.clear();
        }
    }
    let failed = known.entry(account).or_default();
    if failed.is_over(now) {
        *failed = Failed::default();
    }
    failed
}

impl Failed {
    fn add(&mut self, now: Timestamp) {
        self.count += 1;
        self.last = now;
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.last.plus_ms(limits::LOGIN_FAILURE_WINDOW_MS) < now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use std::net::Ipv4Addr;

    fn from(last: u8) -> Digest {
        Try::new("ann@example.org", Ipv4Addr::new(10, 0, 0, last).into()).account
    }

    #[test]
    fn after_five_failures_mallory_waits_longer_and_longer_and_ann_elsewhere_does_not() {
        let failures = Failures::new(5);
        let mut now = Timestamp(1_000_000);
        for _ in 0..5 {
            assert_eq!(failures.count(from(1), now), Ok(()));
        }
        let first = failures.count(from(1), now).expect_err("must wait");
        assert_eq!(
            (first.code, first.retry_after_ms),
            (Code::RateLimited, Some(1_000))
        );
        assert_eq!(failures.count(from(2), now), Ok(()), "another address");
        now = now.plus_ms(1_000);
        assert_eq!(failures.count(from(1), now), Ok(()));
        let second = failures.count(from(1), now).expect_err("must wait");
        assert_eq!(second.retry_after_ms, Some(2_000));
        now = now.plus_ms(limits::LOGIN_FAILURE_WINDOW_MS + 1);
        assert_eq!(failures.count(from(1), now), Ok(()), "the window is over");
    }

    #[test]
    fn tries_elsewhere_count_as_those_here_and_success_forgets_all() {
        let (failures, now) = (Failures::new(5), Timestamp(1_000_000));
        for _ in 0..5 {
            failures.heard(from(1), now);
        }
        assert!(failures.count(from(1), now).is_err());
        failures.forget(from(1));
        assert_eq!(failures.count(from(1), now), Ok(()));
    }
}
