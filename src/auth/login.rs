//! Logging in: the same text, status and work whether a person is unknown or the password wrong.

use crate::auth::extract::CurrentUser;
use crate::auth::guesses::Guesses;
use crate::auth::password::Passwords;
use crate::auth::tokens::Secret;
use crate::auth::tries::{Digest, Failures, Try};
use crate::bus::News;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::ids::LoginId;
use crate::limits;
use crate::node::Node;
use crate::rate::Limiter;
use crate::store::{Login, LoginKind, Store, User};
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;

/// Everything that authentication keeps in memory.
pub struct Auth {
    pub passwords: Passwords,
    pub guesses: Guesses,
    failures: Failures,
}

impl Auth {
    pub fn new(config: &Config) -> Self {
        let factor = u32::try_from(config.limits.factor()).unwrap_or(u32::MAX);
        Self {
            passwords: Passwords::new(config.password_cost),
            guesses: Guesses::default(),
            failures: Failures::new(limits::LOGIN_FAILURES_FREE.saturating_mul(factor)),
        }
    }

    /// A try that another node saw.
    pub fn heard(&self, tried: Try, limiter: &Limiter, now: Timestamp) {
        // What is refused here was let pass there: it counts as far as there is room.
        let _ = tried.take(limiter, now);
        self.failures.heard(tried.account, now);
    }

    /// The person logged in on another node.
    pub fn heard_success(&self, account: Digest) {
        self.failures.forget(account);
    }

    async fn verify(&self, store: &dyn Store, email: &str, password: &str) -> Result<User> {
        let too_long = password.chars().count() > limits::PASSWORD_CHARS_MAX;
        let user = store.user_by_email(email).await?;
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
        if self.passwords.is_outdated(&user.password) {
            let hash = self.passwords.hash(password).await?;
            store.set_password(user.id, &hash).await?;
        }
        Ok(user)
    }
}

/// The person with this e-mail address and password, if neither he nor the address tried too often.
pub async fn check(
    node: &Node,
    (email, password): (&str, &str),
    address: IpAddr,
    now: Timestamp,
) -> Result<User> {
    let email = email.trim().to_lowercase();
    let (tried, auth) = (Try::new(&email, address), &node.auth);
    tried.take(&node.limiter, now)?;
    auth.failures.count(tried.account, now)?;
    node.news(News::LoginTried(tried));
    let user = auth.verify(&*node.store, &email, password).await?;
    auth.failures.forget(tried.account);
    node.news(News::LoggedIn(tried.account));
    Ok(user)
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

    #[test]
    fn devices_have_names_that_people_know() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(device_name(Some(firefox)), "Firefox on Linux");
        assert_eq!(device_name(Some("curl/8.5.0")), "curl");
        assert_eq!(device_name(Some("\u{1b}[31m")), "[31m");
        assert_eq!(device_name(None), "Unknown device");
    }
}
