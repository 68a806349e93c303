//! Logging in: the same text, status and work whether a person is unknown or the password wrong.

use crate::auth::extract::CurrentUser;
use crate::auth::guesses::Guesses;
use crate::auth::password::Passwords;
use crate::auth::tokens::Secret;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::ids::LoginId;
use crate::limits;
use crate::rate::Whom;
use crate::store::{Login, LoginKind, Store, User};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Longest wait between two tries, milliseconds.
const WAIT_MS_MAX: u64 = 15 * 60_000;

/// Everything that authentication keeps in memory.
pub struct Auth {
    pub passwords: Passwords,
    pub guesses: Guesses,
    failures: Mutex<HashMap<(String, Whom), Failures>>,
    free: u32,
}

#[derive(Clone, Copy, Default)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Auth {
    pub fn new(config: &Config) -> Self {
        let factor = u32::try_from(config.limits.factor()).unwrap_or(u32::MAX);
        Self {
            passwords: Passwords::new(config.password_cost),
            guesses: Guesses::default(),
            failures: Mutex::default(),
            free: limits::LOGIN_FAILURES_FREE.saturating_mul(factor),
        }
    }

    /// The person with this e-mail address and password.
    pub async fn check(
        &self,
        store: &Arc<dyn Store>,
        (email, password): (&str, &str),
        address: IpAddr,
        now: Timestamp,
    ) -> Result<User> {
        let email = email.trim().to_lowercase();
        let key = (email.clone(), Whom::address(address));
        self.count_try(&key, now)?;
        let too_long = password.chars().count() > limits::PASSWORD_CHARS_MAX;
        let user = store.user_by_email(&email).await?;
        let user = user.filter(|user| user.active && !too_long);
        let stored = user.as_ref().map(|user| user.password.as_str());
        let password = if too_long { "" } else { password };
        let matches = self.passwords.verify(stored, password).await?;
        let Some(user) = user.filter(|_| matches) else {
            return Err(Error::new(
                Code::Unauthenticated,
                "E-mail address or password is wrong.",
            ));
        };
        self.failures().remove(&key);
        if self.passwords.is_outdated(&user.password) {
            let hash = self.passwords.hash(password).await?;
            store.set_password(user.id, &hash).await?;
        }
        Ok(user)
    }

    /// Counts a try as failed before it is made, so that many at once do not slip through;
    /// a success forgets it.
    fn count_try(&self, key: &(String, Whom), now: Timestamp) -> Result<()> {
        let mut all = self.failures();
        if all.len() >= limits::RATE_KEYS_MAX {
            all.retain(|_, failures| !failures.is_over(now));
            if all.len() >= limits::RATE_KEYS_MAX {
                all.clear();
            }
        }
        let failures = all.entry(key.clone()).or_default();
        if failures.is_over(now) {
            *failures = Failures::default();
        }
        if let Some(beyond) = failures.count.checked_sub(self.free) {
            let wait = 1_000_u64
                .saturating_mul(1 << beyond.min(20))
                .min(WAIT_MS_MAX);
            let gone = now.since(failures.last);
            if gone < wait {
                return Err(Error::rate_limited(wait - gone));
            }
        }
        failures.count += 1;
        failures.last = now;
        Ok(())
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, HashMap<(String, Whom), Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn is_over(&self, now: Timestamp) -> bool {
        self.last.plus_ms(limits::LOGIN_FAILURE_WINDOW_MS) < now
    }
}

/// A new log-in of `user`: the secret is shown once. Answers also the log-ins that gave way, whose
/// sockets the caller closes.
pub async fn open(
    store: &Arc<dyn Store>,
    user: &User,
    kind: LoginKind,
    device: &str,
    now: Timestamp,
) -> Result<(CurrentUser, Secret, Vec<LoginId>)> {
    let secret = Secret::mint();
    let login = Login {
        id: LoginId(Uuid::now_v7()),
        user: user.id,
        kind,
        secret: secret.hash(),
        device: device.to_owned(),
        created_at: now,
        seen_at: now,
    };
    let ended = store.create_login(&login).await?;
    let current = CurrentUser {
        user: user.clone(),
        login,
    };
    Ok((current, secret, ended))
}

/// What a device is called: its program and system as the User-Agent names them, or the program's name.
pub fn device_name(user_agent: Option<&str>) -> String {
    let agent = user_agent.unwrap_or_default();
    let find = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    let program = find(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(program), None) => program.to_owned(),
        _ => {
            let name = agent.split(['/', ' ']).next().unwrap_or_default();
            let plain: String = name
                .chars()
                .filter(char::is_ascii_graphic)
                .take(40)
                .collect();
            match plain.as_str() {
                "" => "Unknown device".to_owned(),
                name => name.to_owned(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn auth() -> Auth {
        let dir = tempfile::tempdir().expect("a folder");
        Auth::new(&Config::for_test(dir.path()))
    }

    #[test]
    fn after_five_failures_mallory_waits_longer_and_longer_and_ann_elsewhere_does_not() {
        let auth = auth();
        let key = |last| {
            (
                "ann@example.org".to_owned(),
                Whom::address(Ipv4Addr::new(10, 0, 0, last).into()),
            )
        };
        let mut now = Timestamp(1_000_000);
        for _ in 0..5 {
            assert_eq!(auth.count_try(&key(1), now), Ok(()));
        }
        let first = auth.count_try(&key(1), now).expect_err("must wait");
        assert_eq!(
            (first.code, first.retry_after_ms),
            (Code::RateLimited, Some(1_000))
        );
        assert_eq!(auth.count_try(&key(2), now), Ok(()), "another address");
        now = now.plus_ms(1_000);
        assert_eq!(auth.count_try(&key(1), now), Ok(()));
        let second = auth.count_try(&key(1), now).expect_err("must wait");
        assert_eq!(second.retry_after_ms, Some(2_000));
        now = now.plus_ms(limits::LOGIN_FAILURE_WINDOW_MS + 1);
        assert_eq!(auth.count_try(&key(1), now), Ok(()), "the window is over");
    }

    #[test]
    fn devices_have_names_that_people_know() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(device_name(Some(firefox)), "Firefox on Linux");
        assert_eq!(device_name(Some("curl/8.5.0")), "curl");
        assert_eq!(device_name(Some("\u{1b}[31m")), "[31m");
        assert_eq!(device_name(None), "Unknown device");
    }
}
