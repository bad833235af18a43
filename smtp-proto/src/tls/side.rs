//! What each side has for TLS, which may be nothing.

use alloc::{borrow::ToOwned, sync::Arc};
use std::sync::OnceLock;

use super::{ClientTls, ServerTls, TlsError};
use crate::TlsFailure;

/// What a client has for TLS: what it was given, or else, once that is needed,
/// what the system has. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ClientSide {
    given: Option<ClientTls>,
    platform: Arc<OnceLock<Result<ClientTls, TlsError>>>,
}

impl ClientSide {
    /// What it was given.
    #[must_use]
    pub fn new(tls: ClientTls) -> Self {
        Self {
            given: Some(tls),
            platform: Arc::default(),
        }
    }

    /// What a handshake begins with.
    ///
    /// # Errors
    /// [`TlsFailure::Configuration`] if the system does not say whom to trust.
    pub fn get(&self) -> Result<&ClientTls, TlsFailure> {
        let tls = match &self.given {
            Some(tls) => Ok(tls),
            None => self.platform.get_or_init(ClientTls::platform).as_ref(),
        };
        tls.map_err(|error| error.clone().into())
    }
}

/// What a server has for TLS.
#[derive(Clone, Debug, Default)]
pub struct ServerSide(Option<ServerTls>);

impl ServerSide {
    /// What it was given.
    #[must_use]
    pub fn new(tls: ServerTls) -> Self {
        Self(Some(tls))
    }

    /// What a handshake begins with.
    ///
    /// # Errors
    /// [`TlsFailure::Configuration`] if it has nothing.
    pub fn get(&self) -> Result<&ServerTls, TlsFailure> {
        self.0.as_ref().ok_or_else(|| {
            TlsFailure::Configuration("this server has no certificate for TLS".to_owned())
        })
    }
}
