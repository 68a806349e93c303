//! From the headers of a request to the person who sent it.

use crate::access::{Actor, WorkspaceRole};
use crate::auth::guesses::Guesses;
use crate::auth::tokens;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::limits;
use crate::store::{Login, LoginKind, Store, StoreResult, User};
use axum::http::{HeaderMap, header};
use std::sync::Arc;

/// How often the time of a log-in's last use is written, milliseconds.
const SEEN_EVERY_MS: u64 = 60_000;
/// Admins sign in again after this, milliseconds.
const ADMIN_ABSOLUTE_MS: i64 = 12 * 3_600_000;

/// The person who is signed in, and by which log-in.
#[derive(Clone, Debug)]
pub struct CurrentUser {
    pub user: User,
    pub login: Login,
}

impl CurrentUser {
    /// The subject that `access::can` judges.
    pub fn actor(&self) -> Actor {
        Actor {
            user: self.user.id,
            role: self.user.role,
            active: self.user.active,
        }
    }
}

/// The credential of a request, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Neither a cookie of ours nor an Authorization header.
    None,
    Cookie(String),
    Bearer(String),
    /// An Authorization header that is not a bearer token.
    Malformed,
}

/// Reads the credential: an Authorization header counts, otherwise our cookie.
pub fn credential(config: &Config, headers: &HeaderMap) -> Credential {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        return match token {
            Some(token) => Credential::Bearer(token.to_owned()),
            None => Credential::Malformed,
        };
    }
    match cookie_secret(config, headers) {
        Some(secret) => Credential::Cookie(secret),
        None => Credential::None,
    }
}

/// The name of the session cookie. The prefix and `Secure` need TLS.
pub fn cookie_name(config: &Config) -> &'static str {
    if config.is_secure() {
        "__Host-chapiana"
    } else {
        "chapiana"
    }
}

/// The name of the cookie that ties the forms of the door to one browser.
pub fn visitor_cookie_name(config: &Config) -> &'static str {
    if config.is_secure() {
        "__Host-chapiana-visitor"
    } else {
        "chapiana-visitor"
    }
}

/// `Set-Cookie` of a new visitor, for as long as the browser is open.
pub fn visitor_cookie(config: &Config, secret: &str) -> String {
    let name = visitor_cookie_name(config);
    let secure = if config.is_secure() { "; Secure" } else { "" };
    format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}")
}

/// The value of our session cookie, if the request has one.
pub fn cookie_secret(config: &Config, headers: &HeaderMap) -> Option<String> {
    cookie(headers, cookie_name(config))
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE);
    let pairs = all.iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// `Set-Cookie` of a new session, or with an empty secret of its end.
pub fn session_cookie(config: &Config, secret: &str) -> String {
    let name = cookie_name(config);
    let secure = if config.is_secure() { "; Secure" } else { "" };
    let age = match secret {
        "" => 0,
        _ => limits::LOGIN_ABSOLUTE_MS / 1_000,
    };
    format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

/// Who sends a request with these headers; `None`: nobody who is signed in now.
pub async fn authenticate(
    store: &Arc<dyn Store>,
    guesses: &Guesses,
    config: &Config,
    headers: &HeaderMap,
    now: Timestamp,
) -> StoreResult<Option<CurrentUser>> {
    let (secret, kind) = match credential(config, headers) {
        Credential::None | Credential::Malformed => return Ok(None),
        Credential::Cookie(secret) => (secret, LoginKind::Cookie),
        Credential::Bearer(secret) => (secret, LoginKind::Bearer),
    };
    let Some(hash) = tokens::hash_of_presented(&secret) else {
        return Ok(None);
    };
    let guess = guesses.of(&hash);
    let guessed = async {
        match guess {
            Some(user) => store.user(user).await,
            None => Ok(None),
        }
    };
    let (login, guessed) = futures_util::try_join!(store.login_by_secret(&hash), guessed)?;
    let Some(login) = login else {
        return Ok(None);
    };
    let user = match guessed.filter(|user| user.id == login.user) {
        Some(user) => Some(user),
        None => store.user(login.user).await?,
    };
    let Some(user) = user else {
        return Ok(None);
    };
    if guess != Some(user.id) {
        guesses.learn(hash, user.id);
    }
    if login.kind != kind || !user.active || is_over(&login, &user, now) {
        return Ok(None);
    }
    if now.since(login.seen_at) > SEEN_EVERY_MS {
        let (store, id) = (Arc::clone(store), login.id);
        tokio::spawn(async move { store.touch_login(id, now).await });
    }
    Ok(Some(CurrentUser { user, login }))
}

/// Whether the log-in has ended by itself: idle or old.
pub fn is_over(login: &Login, user: &User, now: Timestamp) -> bool {
    let absolute = match (login.kind, user.role) {
        (LoginKind::Cookie, WorkspaceRole::Admin | WorkspaceRole::Owner) => ADMIN_ABSOLUTE_MS,
        _ => limits::LOGIN_ABSOLUTE_MS,
    };
    login.seen_at.plus_ms(limits::LOGIN_IDLE_MS) < now || login.created_at.plus_ms(absolute) < now
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn test_config() -> Config {
        let dir = tempfile::tempdir().expect("a folder");
        Config::for_test(dir.path())
    }

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).expect("a header value");
        HeaderMap::from_iter([(name, value)])
    }

    #[test]
    fn a_bearer_token_and_a_cookie_are_told_apart() {
        let config = test_config();
        let read = |headers| credential(&config, &headers);
        assert_eq!(read(HeaderMap::new()), Credential::None);
        let bearer = read(with(header::AUTHORIZATION, "bearer abc"));
        assert_eq!(bearer, Credential::Bearer("abc".to_owned()));
        assert_eq!(
            read(with(header::AUTHORIZATION, "Basic abc")),
            Credential::Malformed
        );
        let cookie = read(with(header::COOKIE, "a=b; chapiana=xyz; c"));
        assert_eq!(cookie, Credential::Cookie("xyz".to_owned()));
    }

    #[test]
    fn over_tls_the_cookie_is_bound_to_the_host() {
        let mut config = test_config();
        assert!(!session_cookie(&config, "x").contains("Secure"));
        config.public_url = Some("https://chat.example.org".to_owned());
        let cookie = session_cookie(&config, "x");
        for part in [
            "__Host-chapiana=x",
            "Secure",
            "HttpOnly",
            "SameSite=Lax",
            "Path=/",
        ] {
            assert!(cookie.contains(part), "{part}");
        }
        assert!(session_cookie(&config, "").contains("Max-Age=0"));
    }
}
