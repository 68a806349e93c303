//! How many sockets one address has: few that did not say hello, many that did, for an office shares
//! one address (RELIABILITY.md §5.3).

use crate::error::{Error, Result};
use crate::limits::{HELLO_MS_MAX, SOCKETS_PER_ADDRESS_MAX, SOCKETS_UNGREETED_PER_ADDRESS_MAX};
use crate::rate::Whom;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sockets of one node by address. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Addresses(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    counts: Mutex<HashMap<Whom, Count>>,
    factor: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    ungreeted: u64,
}

impl Addresses {
    /// `factor` multiplies both bounds (`--limits relaxed`).
    pub fn new(factor: u64) -> Self {
        Self(Arc::new(Shared {
            counts: Mutex::default(),
            factor,
        }))
    }

    /// A place for one socket, or `rate_limited`.
    pub fn enter(&self, address: Whom) -> Result<Place> {
        let mut counts = self.0.counts();
        let count = counts.get(&address).copied().unwrap_or_default();
        let factor = self.0.factor;
        if count.ungreeted >= SOCKETS_UNGREETED_PER_ADDRESS_MAX * factor
            || count.all >= SOCKETS_PER_ADDRESS_MAX * factor
        {
            return Err(Error::rate_limited(HELLO_MS_MAX));
        }
        let entered = Count {
            all: count.all + 1,
            ungreeted: count.ungreeted + 1,
        };
        counts.insert(address.clone(), entered);
        Ok(Place {
            address,
            greeted: false,
            shared: Arc::clone(&self.0),
        })
    }
}

/// One socket's place among those of its address. It ends with the value.
#[derive(Debug)]
pub struct Place {
    address: Whom,
    greeted: bool,
    shared: Arc<Shared>,
}

impl Place {
    /// The hello came.
    pub fn greet(&mut self) {
        if std::mem::replace(&mut self.greeted, true) {
            return;
        }
        if let Some(count) = self.shared.counts().get_mut(&self.address) {
            count.ungreeted -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.greet();
        let mut counts = self.shared.counts();
        if let Some(count) = counts.get_mut(&self.address) {
            count.all -= 1;
            if count.all == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, HashMap<Whom, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use std::net::Ipv4Addr;

    fn office(last: u8) -> Whom {
        Whom::address(Ipv4Addr::new(10, 0, 0, last).into())
    }

    #[test]
    fn an_address_waits_until_one_of_its_sockets_said_hello_or_went() {
        let addresses = Addresses::new(1);
        let enter = |last| addresses.enter(office(last));
        let mut places: Vec<_> = (0..SOCKETS_UNGREETED_PER_ADDRESS_MAX)
            .map(|_| enter(1).expect("a place"))
            .collect();
        assert_eq!(enter(1).expect_err("full").code, Code::RateLimited);
        assert!(enter(2).is_ok(), "another address has its own");
        places[0].greet();
        places[0].greet();
        places.push(enter(1).expect("one said hello"));
        assert!(enter(1).is_err());
        places.pop();
        assert!(enter(1).is_ok(), "one went");
    }

    #[test]
    fn an_address_has_so_many_sockets_in_all_and_nothing_is_kept_of_those_that_went() {
        let addresses = Addresses::new(1);
        let mut places = Vec::new();
        for _ in 0..SOCKETS_PER_ADDRESS_MAX {
            let mut place = addresses.enter(office(1)).expect("a place");
            place.greet();
            places.push(place);
        }
        assert!(addresses.enter(office(1)).is_err());
        drop(places);
        assert!(addresses.0.counts().is_empty());
    }
}
