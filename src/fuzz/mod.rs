//! Fuzzing of everything that reads what strangers write. `./check fuzz` gives each target more time;
//! `BOLERO_RANDOM_ITERATIONS` and `BOLERO_RANDOM_SEED` do by hand.
//!
//! Plain random bytes hardly ever get past a first bracket, so bytes choose pieces of a dictionary.

mod bus;
mod drafts;
mod frames;
mod markdown;

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many inputs a target was given. Who asked for a number gets that number, or a failure: a
/// target that ran out of time must not pass for one that was tried.
struct Tried {
    target: &'static str,
    inputs: AtomicUsize,
}

impl Tried {
    fn new(target: &'static str) -> Self {
        Self {
            target,
            inputs: AtomicUsize::new(0),
        }
    }

    fn one(&self) {
        self.inputs.fetch_add(1, Ordering::Relaxed);
    }

    fn judge(self) {
        let inputs = self.inputs.into_inner();
        println!("{inputs} inputs: {}", self.target);
        let asked = std::env::var("BOLERO_RANDOM_ITERATIONS");
        let asked = asked.map_or(1, |text| text.parse().expect("a number of inputs"));
        assert!(inputs >= asked, "{}: {inputs} of {asked}", self.target);
    }
}

/// Each byte is a piece of the dictionary, or stands for itself.
fn text_of(bytes: &[u8], dictionary: &[&str]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match dictionary.get(usize::from(*byte)) {
            Some(piece) => text.push_str(piece),
            None => text.push(char::from(*byte)),
        }
    }
    text
}
