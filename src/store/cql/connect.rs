//! The session: contact points, password, TLS, keep-alive.

use super::place::{CqlPlace, Secret};
use crate::store::{StoreError, StoreResult};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::{Consistency, SerialConsistency};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A node that hangs is noticed after these two together; the driver's own take a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// A cluster that does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Schema changes take their time on some clusters.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(60);
const TRIES: usize = 3;

/// Connects, trying again: a node that hangs can hold the first try up.
pub(super) async fn session(place: &CqlPlace) -> StoreResult<Session> {
    let mut why = String::new();
    for _ in 0..TRIES {
        let builder = builder(place)?;
        match tokio::time::timeout(CONNECT_TIMEOUT, builder.build()).await {
            Ok(Ok(session)) => return Ok(session),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => "no answer in time".clone_into(&mut why),
        }
    }
    let hosts = place.hosts.join(", ");
    let remedy = remedy(place, &why);
    Err(StoreError::Unavailable(format!(
        "no connection to {hosts}: {why}. {remedy}"
    )))
}

/// What the operator should look at first.
pub(super) fn remedy(place: &CqlPlace, why: &str) -> &'static str {
    let why = why.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    match (&place.login, &place.ca) {
        (None, _) if says(&["authentication is required", "missingauthentication"]) => {
            "The cluster asks for a name and a password: give store-user and store-password-file"
        }
        (Some(_), _) if says(&["password", "credentials", "authentication"]) => {
            "The cluster refused name or password: check store-user and store-password-file"
        }
        (_, Some(_)) if says(&["tls", "certificate"]) => {
            "The cluster's certificate is not signed by what store-ca holds, or it speaks no TLS"
        }
        (_, None) => "Check host and port; if the cluster speaks TLS, give store-ca",
        _ => "Check host, port, name, password and TLS",
    }
}

fn builder(place: &CqlPlace) -> StoreResult<SessionBuilder> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::Quorum)
        .serial_consistency(Some(SerialConsistency::Serial))
        .request_timeout(Some(SCHEMA_TIMEOUT))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&place.hosts)
        .keepalive_interval(KEEP_ALIVE)
        .keepalive_timeout(KEEP_ALIVE)
        .connection_timeout(CONNECT_TIMEOUT / 3)
        .default_execution_profile_handle(profile.into_handle());
    if let Some((name, Secret(password))) = &place.login {
        builder = builder.user(name, password);
    }
    if let Some(ca) = &place.ca {
        builder = builder.tls_context(Some(tls(ca)?));
    }
    Ok(builder)
}

fn tls(ca: &Path) -> StoreResult<Arc<ClientConfig>> {
    let wrong = |why: String| {
        let place = ca.display();
        StoreError::Unavailable(format!("setting store-ca: {place}: {why}"))
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca).map_err(|why| wrong(why.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|why| wrong(why.to_string()))?;
        roots
            .add(certificate)
            .map_err(|why| wrong(why.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("no certificate in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| wrong(why.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// From here on tables are meant in the keyspace of `place`.
pub(super) async fn enter(session: &Session, place: &CqlPlace) -> StoreResult<()> {
    let entered = session.use_keyspace(place.keyspace.as_str(), false).await;
    entered.map_err(|why| StoreError::Unavailable(why.to_string()))
}
