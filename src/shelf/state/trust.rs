//! How long the end of a log, as the store told it, is believed without asking again.

use crate::limits::SHELF_TRUST_MS;

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
}

impl Trust {
    /// The store was asked at `began`, and has answered.
    pub fn looked(&mut self, began: Moment) {
        self.looked_at = self.looked_at.max(Some(began));
    }

    /// Somebody was told of something here, and it is not known which state has it.
    pub fn doubt(&mut self, now: Moment) {
        self.doubted_at = Some(now);
    }

    pub fn holds(&self, now: Moment) -> bool {
        let counts = |at: &Moment| self.doubted_at.is_none_or(|doubted| *at > doubted);
        let looked_at = self.looked_at.filter(counts);
        looked_at.is_some_and(|at| now < at + SHELF_TRUST_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A look that began then.
        Look(Moment),
        Doubt(Moment),
    }
    use Step::{Doubt, Look};

    #[test]
    fn the_end_of_a_log_is_believed_for_a_while_after_a_look_and_no_longer() {
        // What happens, and since when that is believed; `None`: not at all.
        let cases: &[(&[Step], Option<Moment>)] = &[
            (&[], None),
            (&[Look(5)], Some(5)),
            (&[Look(5), Look(9)], Some(9)),
            // An older look that answers late.
            (&[Look(7), Look(3)], Some(7)),
            // A doubt ends it, and a look that began before does not help.
            (&[Look(5), Doubt(20)], None),
            (&[Doubt(20), Look(19)], None),
            (&[Doubt(20), Look(20)], None),
            (&[Doubt(20), Look(21)], Some(21)),
            (&[Look(5), Doubt(20), Look(21), Doubt(21)], None),
        ];
        for (steps, since) in cases {
            let mut trust = Trust::default();
            for step in *steps {
                match *step {
                    Look(began) => trust.looked(began),
                    Doubt(now) => trust.doubt(now),
                }
            }
            let until = since.unwrap_or(21) + SHELF_TRUST_MS;
            assert!(!trust.holds(until), "{steps:?}");
            assert_eq!(trust.holds(until - 1), since.is_some(), "{steps:?}");
        }
    }
}
