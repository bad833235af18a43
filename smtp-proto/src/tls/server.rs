//! TLS, for a server.

use alloc::sync::Arc;
use core::fmt;

use rustls::{
    ConfigBuilder, ServerConfig, ServerConnection, WantsVerifier,
    server::WebPkiClientVerifier,
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{TlsError, info, pem, provider};
use crate::TlsInfo;

/// Who a server is, and whose certificates it asks clients for.
///
/// The version is TLS 1.2 at least (RFC 8997). Whatever name a client asks for,
/// or none, gets the same certificate (RFC 7672 section 8.1). Cheap to clone.
///
/// ```no_run
/// use smtp_proto::tls::ServerTls;
///
/// let tls = ServerTls::from_pem(&std::fs::read("chain.pem")?, &std::fs::read("key.pem")?)?
///     // For `ServerMechanism::External`, which has to be offered by name, too:
///     .client_ca_pem(&std::fs::read("our-ca.pem")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    /// What [`from_pem`](Self::from_pem) was given.
    own: Option<Arc<CertifiedKey>>,
}

impl ServerTls {
    /// A server with this certificate and key. `chain` is the certificate, and
    /// those that lead from it to the authority.
    ///
    /// # Errors
    /// [`TlsError`] if one of the two cannot be read, or they do not belong
    /// together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let own = Arc::new(pem::identity(chain, key)?);
        let config = builder()?
            .with_no_client_auth()
            .with_cert_resolver(resolver(&own));
        Ok(Self {
            config: Arc::new(config),
            own: Some(own),
        })
    }

    /// Takes a complete configuration, whatever it says. Channel binding to the
    /// certificate (`tls-server-end-point`) is not to be had then: which one was
    /// sent is not known.
    #[must_use]
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self { config, own: None }
    }

    /// Asks clients for a certificate that one of these has issued. A client
    /// may have none; with another it is refused. Of use only where clients
    /// authenticate with it (RFC 8314 section 4.2).
    ///
    /// # Errors
    /// [`TlsError`] if there is none, or one cannot be read;
    /// [`TlsError::OwnConfiguration`] after [`from_config`](Self::from_config).
    pub fn client_ca_pem(mut self, pem: &[u8]) -> Result<Self, TlsError> {
        let own = self.own.as_ref().ok_or(TlsError::OwnConfiguration)?;
        let roots = Arc::new(pem::roots(&pem::certificates(pem)?)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .allow_unauthenticated()
            .build()
            .map_err(TlsError::other)?;
        let config = builder()?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(resolver(own));
        self.config = Arc::new(config);
        Ok(self)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// The beginning of a connection.
    ///
    /// # Errors
    /// What rustls says of the configuration.
    pub fn connection(&self) -> Result<ServerConnection, TlsError> {
        ServerConnection::new(Arc::clone(&self.config)).map_err(TlsError::other)
    }

    /// What there is to know of a connection whose handshake is complete.
    #[must_use]
    pub fn info(&self, connection: &ServerConnection) -> TlsInfo {
        let mut info = info::info(connection, |octets, label, context| {
            connection.export_keying_material(octets, label, context)
        });
        if let Some(certificate) = self.own.as_ref().and_then(|own| own.cert.first()) {
            info = info.server_certificate(certificate.as_ref());
        }
        match connection.peer_certificates().and_then(<[_]>::first) {
            Some(certificate) => info.client_certificate(certificate.as_ref()),
            None => info,
        }
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

fn resolver(own: &Arc<CertifiedKey>) -> Arc<SingleCertAndKey> {
    Arc::new(Arc::clone(own).into())
}

fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, TlsError> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::other)
}
