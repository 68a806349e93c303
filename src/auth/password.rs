//! Password hashes: argon2id on blocking threads, as many as there are cores, with a bounded queue.

use crate::config::PasswordCost;
use crate::error::{Code, Error, Result};
use crate::limits;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

/// Words that a password of this product must not be.
const CONTEXT_WORDS: [&str; 3] = ["chapiana", "workspace", "password"];
/// The most used of the breached passwords that are long enough to pass the length rule.
const BREACHED: &str = include_str!("breached.txt");

/// The pool.
#[derive(Clone)]
pub struct Passwords {
    params: Params,
    cores: Arc<Semaphore>,
    queued: Arc<AtomicUsize>,
    /// A hash of nobody, so that an unknown person costs the same work.
    nobody: Arc<str>,
}

impl Passwords {
    pub fn new(cost: PasswordCost) -> Self {
        let (memory_kib, passes) = match cost {
            PasswordCost::Normal => (64 * 1_024, 3),
            PasswordCost::Test => (8, 1),
        };
        let params = Params::new(memory_kib, passes, 1, None).expect("the costs are in range");
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let nobody = hash_now(
            &params,
            &crate::auth::tokens::hex(&crate::auth::tokens::random::<16>()),
        )
        .expect("argon2 hashes");
        Self {
            params,
            cores: Arc::new(Semaphore::new(cores)),
            queued: Arc::default(),
            nobody: nobody.into(),
        }
    }

    /// The PHC text of `password`.
    pub async fn hash(&self, password: &str) -> Result<String> {
        let (params, password) = (self.params.clone(), normal(password));
        self.run(move || hash_now(&params, &password)).await?
    }

    /// Whether `password` belongs to `stored`. `None` (nobody) takes the same work and is never true.
    pub async fn verify(&self, stored: Option<&str>, password: &str) -> Result<bool> {
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.nobody).to_owned();
        let password = normal(password);
        let matches = self.run(move || verify_now(&stored, &password)).await?;
        Ok(known && matches)
    }

    /// Whether the hash was made with other costs and should be made anew at the next log-in.
    pub fn is_outdated(&self, stored: &str) -> bool {
        match PasswordHash::new(stored)
            .ok()
            .map(|hash| Params::try_from(&hash))
        {
            Some(Ok(params)) => {
                (params.m_cost(), params.t_cost(), params.p_cost())
                    != (
                        self.params.m_cost(),
                        self.params.t_cost(),
                        self.params.p_cost(),
                    )
            }
            _ => true,
        }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = Place::take(&self.queued, self.cores.available_permits())?;
        let permit = Arc::clone(&self.cores)
            .acquire_owned()
            .await
            .map_err(|_| Error::internal())?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| Error::internal())
    }
}

/// A place in the queue, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(queued: &Arc<AtomicUsize>, free: usize) -> Result<Self> {
        let place = Place(Arc::clone(queued));
        let before = queued.fetch_add(1, Ordering::AcqRel);
        if before >= limits::HASHES_QUEUED_MAX && free == 0 {
            return Err(Error::new(
                Code::Busy,
                "Many people are signing in right now. Try again in a moment.",
            ));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn normal(password: &str) -> String {
    password.nfc().collect()
}

fn hash_now(params: &Params, password: &str) -> Result<String> {
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    match argon.hash_password(password.as_bytes()) {
        Ok(hash) => Ok(hash.to_string()),
        Err(_) => Err(Error::internal()),
    }
}

fn verify_now(stored: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else {
        return false;
    };
    Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
}

/// Whether a new password may be chosen; the sentence says why not.
pub fn check_new(password: &str, own_words: &[&str]) -> Result<()> {
    let normal = normal(password);
    let chars = normal.chars().count();
    if chars < limits::PASSWORD_CHARS_MIN {
        return Err(Error::bad_request(
            "A password has at least 10 characters; 15 are better.",
        ));
    }
    if chars > limits::PASSWORD_CHARS_MAX {
        return Err(Error::bad_request("A password has at most 128 characters."));
    }
    if normal.contains('\0') {
        return Err(Error::bad_request("A password contains no NUL character."));
    }
    let lower = normal.to_lowercase();
    let bare = lower.trim_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    let own = own_words
        .iter()
        .copied()
        .chain(CONTEXT_WORDS)
        .any(|word| word.chars().count() >= 4 && word.to_lowercase() == bare);
    let repeated = lower.chars().all(|c| lower.starts_with(c));
    if own || repeated || BREACHED.lines().any(|known| known == lower) {
        return Err(Error::bad_request(
            "That password is easy to guess. Choose another one.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn anns_password_opens_her_account_and_no_other_does() {
        let passwords = Passwords::new(PasswordCost::Test);
        let stored = passwords
            .hash("correct horse battery")
            .await
            .expect("hashed");
        let verify = |password: &'static str| passwords.verify(Some(&stored), password);
        assert_eq!(verify("correct horse battery").await, Ok(true));
        assert_eq!(verify("correct horse batterz").await, Ok(false));
        assert_eq!(
            passwords.verify(None, "correct horse battery").await,
            Ok(false)
        );
    }

    #[tokio::test]
    async fn composed_and_decomposed_accents_are_the_same_password() {
        let passwords = Passwords::new(PasswordCost::Test);
        let stored = passwords
            .hash("caf\u{e9} au lait noir")
            .await
            .expect("hashed");
        let decomposed = passwords
            .verify(Some(&stored), "cafe\u{301} au lait noir")
            .await;
        assert_eq!(decomposed, Ok(true));
    }

    #[tokio::test]
    async fn t36_a_flood_beyond_the_queue_is_told_to_come_back() {
        let passwords = Passwords::new(PasswordCost::Test);
        let cores = u32::try_from(passwords.cores.available_permits()).expect("few cores");
        let all = Arc::clone(&passwords.cores)
            .acquire_many_owned(cores)
            .await
            .expect("open");
        let waiting: Vec<_> = (0..limits::HASHES_QUEUED_MAX)
            .map(|_| Place::take(&passwords.queued, 0).expect("there is room"))
            .collect();
        let asked = passwords.verify(None, "whatever it is");
        let answer = tokio::time::timeout(std::time::Duration::from_secs(10), asked).await;
        let refused = answer.expect("it does not wait").expect_err("full");
        assert_eq!(refused.code, Code::Busy);
        assert!(refused.retry_after_ms.is_some());
        drop((waiting, all));
        assert_eq!(passwords.verify(None, "whatever it is").await, Ok(false));
    }

    #[test]
    fn a_hash_of_other_costs_is_made_anew() {
        let cheap = Passwords::new(PasswordCost::Test);
        let stored = hash_now(&cheap.params, "x").expect("hashed");
        assert!(!cheap.is_outdated(&stored));
        let dearer = Params::new(16, 1, 1, None).expect("in range");
        let stored = hash_now(&dearer, "x").expect("hashed");
        assert!(cheap.is_outdated(&stored));
    }

    #[test]
    fn short_long_known_and_own_passwords_are_refused() {
        assert!(check_new("nine char", &[]).is_err());
        assert!(check_new(&"ab".repeat(65), &[]).is_err());
        assert!(check_new("password123", &[]).is_err());
        assert!(check_new("1234567890", &[]).is_err());
        assert!(check_new("aaaaaaaaaaaa", &[]).is_err());
        assert!(check_new("magdalena1999", &["Magdalena"]).is_err());
        assert_eq!(check_new("correct horse battery", &["Magdalena"]), Ok(()));
    }
}
