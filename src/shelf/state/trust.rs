//! How long the end of a log, as the store told it, is believed without asking again.

use crate::limits::{SHELF_TRUST_MS_MAX, SHELF_TRUST_MS_MIN};

/// Milliseconds since the process started; never set back.
pub type Moment = u64;

/// What was stored elsewhere after the last look and was not heard of is missing until the next one. So
/// this is the most by which a page may lag, whatever the other nodes say or do not say.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// When the newest look at the store began.
    looked_at: Option<Moment>,
    /// What looks say that began until then is too little.
    doubted_at: Option<Moment>,
    span: u64,
}

impl Trust {
    /// The store was asked at `began`. Trust grows as long as the store says nothing that was not heard.
    pub fn looked(&mut self, began: Moment, was_heard: bool) {
        // Many readers share one look.
        if self.looked_at.is_some_and(|at| began <= at) {
            return;
        }
        let longer = self.span.saturating_mul(2);
        self.span = match was_heard {
            true => longer.clamp(SHELF_TRUST_MS_MIN, SHELF_TRUST_MS_MAX),
            false => SHELF_TRUST_MS_MIN,
        };
        self.looked_at = Some(began);
    }

    /// Somebody was told of something here, and it is not known which state has it.
    pub fn doubt(&mut self, now: Moment) {
        self.doubted_at = Some(now);
    }

    pub fn holds(&self, now: Moment) -> bool {
        let counts = |at: &Moment| self.doubted_at.is_none_or(|doubted| *at > doubted);
        let looked_at = self.looked_at.filter(counts);
        looked_at.is_some_and(|at| now < at + self.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: u64 = SHELF_TRUST_MS_MIN;
    const MAX: u64 = SHELF_TRUST_MS_MAX;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A look that began then; whether all was heard already.
        Look(Moment, bool),
        Doubt(Moment),
    }
    use Step::{Doubt, Look};

    #[test]
    fn the_end_of_a_log_is_believed_for_a_while_after_a_look_and_no_longer() {
        // What happens, from when on nothing is believed any more, counted from the last look.
        let cases: &[(&[Step], Moment, u64)] = &[
            (&[], 0, 0),
            (&[Look(5, true)], 5, MIN),
            (&[Look(5, false)], 5, MIN),
            // It grows while all is heard, up to a bound.
            (&[Look(0, true), Look(MIN, true)], MIN, 2 * MIN),
            (&[Look(0, true), Look(1, true), Look(2, true)], 2, 4 * MIN),
            (
                &[
                    Look(0, true),
                    Look(1, true),
                    Look(2, true),
                    Look(3, true),
                    Look(4, true),
                    Look(5, true),
                ],
                5,
                MAX,
            ),
            // What was not heard costs it all.
            (&[Look(0, true), Look(1, true), Look(2, false)], 2, MIN),
            // One look counts once, and an older one that answers late does not count.
            (&[Look(7, true), Look(7, true), Look(7, true)], 7, MIN),
            (&[Look(7, true), Look(3, true)], 7, MIN),
            // A doubt ends it, and a look that began before does not help.
            (&[Look(0, true), Doubt(20)], 0, 0),
            (&[Doubt(20), Look(20, true)], 20, 0),
            (&[Doubt(20), Look(21, true)], 21, MIN),
        ];
        for (steps, last, span) in cases {
            let mut trust = Trust::default();
            for step in *steps {
                match *step {
                    Look(began, was_heard) => trust.looked(began, was_heard),
                    Doubt(now) => trust.doubt(now),
                }
            }
            let holds = |after: u64| trust.holds(last + after);
            assert!(!holds(*span), "{steps:?}");
            assert!(*span == 0 || holds(span - 1), "{steps:?}");
        }
    }
}
