//! Token buckets: pure, with time as an argument. Sessions hold buckets of their own; HTTP shares
//! a `Limiter` that remembers a bounded number of keys.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::limits::{RATE_KEYS_MAX, Rate};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

/// What `--limits relaxed` multiplies every rate with.
pub const RELAXED: f64 = 1_000.0;

impl Rate {
    /// The same rate, `factor` times as generous.
    pub fn times(self, factor: f64) -> Self {
        Self {
            per_second: self.per_second * factor,
            burst: self.burst * factor,
        }
    }
}

/// One token bucket. Full at its first use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// Tokens that were taken and have not come back.
    missing: f64,
    at: Timestamp,
}

impl Bucket {
    /// Takes one token, or says after how many milliseconds there will be one.
    pub fn take(&mut self, now: Timestamp, rate: Rate) -> std::result::Result<(), u64> {
        let back = now.since(self.at) as f64 * rate.per_second / 1_000.0;
        // A clock that stepped back must not lock anybody out: the bucket restarts there.
        self.missing = (self.missing - back).max(0.0);
        self.at = now;
        let lacking = self.missing + 1.0 - rate.burst;
        if lacking <= 1e-9 {
            self.missing += 1.0;
            return Ok(());
        }
        Err((lacking / rate.per_second * 1_000.0).ceil().max(1.0) as u64)
    }

    /// Gives one token back: what it was taken for did not happen.
    pub fn give_back(&mut self) {
        self.missing = (self.missing - 1.0).max(0.0);
    }
}

/// Whom a shared limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Whom {
    User(UserId),
    Address(IpAddr),
    /// Somebody whom nodes tell each other of without naming him.
    Digest([u8; 16]),
}

impl Whom {
    /// An address as limits see it: IPv6 counts per /64, mapped IPv4 as IPv4.
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(six) => {
                let network = u128::from(six) & !u128::from(u64::MAX);
                Self::Address(IpAddr::V6(network.into()))
            }
            four => Self::Address(four),
        }
    }
}

/// Token buckets by (what, whom). Two generations bound the memory: when the young one is full the
/// old one is forgotten, so that the idlest keys give way.
pub struct Limiter {
    factor: f64,
    keys_max: usize,
    generations: Mutex<Generations>,
}

type Key = (&'static str, Whom);

#[derive(Default)]
struct Generations {
    young: HashMap<Key, Bucket>,
    old: HashMap<Key, Bucket>,
}

impl Limiter {
    /// `factor` multiplies every rate: 1, or `RELAXED`.
    pub fn new(factor: f64) -> Self {
        Self::bounded(factor, RATE_KEYS_MAX)
    }

    fn bounded(factor: f64, keys_max: usize) -> Self {
        Self {
            factor,
            keys_max,
            generations: Mutex::default(),
        }
    }

    /// What rates are multiplied with.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Takes a token for `whom`; `rate_limited` with the time to wait if there is none.
    pub fn take(&self, now: Timestamp, what: &'static str, whom: Whom, rate: Rate) -> Result<()> {
        let mut generations = match self.generations.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        };
        let key = (what, whom);
        let mut bucket = generations
            .young
            .get(&key)
            .copied()
            .or_else(|| generations.old.remove(&key))
            .unwrap_or_default();
        let taken = bucket.take(now, rate.times(self.factor));
        if generations.young.len() >= (self.keys_max / 2).max(1)
            && !generations.young.contains_key(&key)
        {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, bucket);
        taken.map_err(Error::rate_limited)
    }

    /// Keys that are remembered now.
    pub fn len(&self) -> usize {
        match self.generations.lock() {
            Ok(guard) => guard.young.len() + guard.old.len(),
            Err(_) => 0,
        }
    }

    /// Whether nothing was counted yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    const TWO_A_SECOND: Rate = Rate {
        per_second: 2.0,
        burst: 3.0,
    };

    #[test]
    fn a_burst_passes_and_then_one_token_comes_back_every_half_second() {
        let mut bucket = Bucket::default();
        let start = Timestamp(1_000_000);
        for _ in 0..3 {
            assert_eq!(bucket.take(start, TWO_A_SECOND), Ok(()));
        }
        assert_eq!(bucket.take(start, TWO_A_SECOND), Err(500));
        assert_eq!(bucket.take(start.plus_ms(499), TWO_A_SECOND), Err(1));
        assert_eq!(bucket.take(start.plus_ms(500), TWO_A_SECOND), Ok(()));
        assert_eq!(bucket.take(start.plus_ms(500), TWO_A_SECOND), Err(500));
    }

    #[test]
    fn an_idle_bucket_never_holds_more_than_its_burst() {
        let mut bucket = Bucket::default();
        let later = Timestamp(90_000_000);
        assert_eq!(bucket.take(Timestamp(0), TWO_A_SECOND), Ok(()));
        let passed = (0..10)
            .filter(|_| bucket.take(later, TWO_A_SECOND).is_ok())
            .count();
        assert_eq!(passed, 3);
    }

    #[test]
    fn a_clock_that_steps_back_locks_nobody_out_for_longer_than_the_bucket() {
        let mut bucket = Bucket::default();
        let later = Timestamp(90_000_000);
        for _ in 0..3 {
            assert_eq!(bucket.take(later, TWO_A_SECOND), Ok(()));
        }
        assert_eq!(bucket.take(Timestamp(0), TWO_A_SECOND), Err(500));
        assert_eq!(bucket.take(Timestamp(500), TWO_A_SECOND), Ok(()));
    }

    #[test]
    fn anns_limit_is_not_bobs_and_relaxed_is_a_thousand_times_wider() {
        let (ann, bob) = (
            Whom::User(UserId::from_bytes([1; 16])),
            Whom::User(UserId::from_bytes([2; 16])),
        );
        let now = Timestamp(5);
        let strict = Limiter::new(1.0);
        for _ in 0..3 {
            assert!(strict.take(now, "send", ann.clone(), TWO_A_SECOND).is_ok());
        }
        let refused = strict.take(now, "send", ann.clone(), TWO_A_SECOND);
        let refused = refused.expect_err("the fourth is over the burst");
        assert_eq!(refused.code, Code::RateLimited);
        assert_eq!(refused.retry_after_ms, Some(500));
        assert!(strict.take(now, "read", ann.clone(), TWO_A_SECOND).is_ok());
        assert!(strict.take(now, "send", bob, TWO_A_SECOND).is_ok());
        let relaxed = Limiter::new(RELAXED);
        for _ in 0..3_000 {
            assert!(relaxed.take(now, "send", ann.clone(), TWO_A_SECOND).is_ok());
        }
        assert!(relaxed.take(now, "send", ann, TWO_A_SECOND).is_err());
    }

    #[test]
    fn a_flood_of_keys_stays_within_the_bound_and_keeps_the_busiest() {
        let limiter = Limiter::bounded(1.0, 100);
        let busy = Whom::Digest([0; 16]);
        let now = Timestamp(5);
        let mut refused = 0;
        for n in 1..=1_000_u128 {
            let stranger = Whom::Digest(n.to_be_bytes());
            assert!(limiter.take(now, "look", stranger, TWO_A_SECOND).is_ok());
            refused += usize::from(
                limiter
                    .take(now, "look", busy.clone(), TWO_A_SECOND)
                    .is_err(),
            );
            assert!(limiter.len() <= 100);
        }
        assert_eq!(refused, 997);
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_as_one() {
        let parse = |text: &str| Whom::address(text.parse().expect("an address"));
        assert_eq!(parse("2001:db8::1"), parse("2001:db8::ffff"));
        assert_ne!(parse("2001:db8::1"), parse("2001:db8:0:1::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
    }
}
