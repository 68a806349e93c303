//! The one provider of cryptography for TLS.

/// Makes aws-lc-rs the provider of this process. First thing in `main` and in tests that use TLS or
/// build a client that could.
pub fn install_provider() {
    // An error says that one is installed already, and only this one is ever built in.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
