//! TLS, for a client.

use alloc::{borrow::ToOwned, string::ToString, sync::Arc};
use core::fmt;

use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, Error, WantsVerifier, pki_types::ServerName,
    sign::SingleCertAndKey,
};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{TlsError, info, pem, provider, verifier::Verifier};
use crate::TlsInfo;

/// Whom a client trusts, and who it is.
///
/// The certificate of a server is always checked: that somebody trusted has
/// issued it, that it is valid now, and that it is for the host that was asked
/// for, by name or by address. The version is TLS 1.2 at least (RFC 8997).
/// Cheap to clone; clones share what speeds up the next handshake with the same
/// server.
///
/// ```no_run
/// use smtp_proto::tls::ClientTls;
///
/// let tls = ClientTls::with_ca_pem(&std::fs::read("our-ca.pem")?)?
///     .client_certificate_pem(&std::fs::read("me.pem")?, &std::fs::read("me.key")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl ClientTls {
    /// Trusts whom the system trusts.
    ///
    /// # Errors
    /// [`TlsError::NoRoots`] if it trusts nobody, or does not say whom.
    pub fn platform() -> Result<Self, TlsError> {
        let config = builder()?
            .with_platform_verifier()
            .map_err(|error| {
                TlsError::NoRoots(match error {
                    Error::General(problem) => problem,
                    error => error.to_string(),
                })
            })?
            .with_no_client_auth();
        Ok(Self::from_config(Arc::new(config)))
    }

    /// Trusts those who have these certificates, and nobody else. One of them may
    /// be that of the server itself.
    ///
    /// # Errors
    /// [`TlsError`] if there is none, or one cannot be read.
    pub fn with_ca_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let verifier = Verifier::new(pem::certificates(pem)?)?;
        let config = builder()?
            .dangerous() // as rustls calls it: nothing is left unchecked
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self::from_config(Arc::new(config)))
    }

    /// Takes a complete configuration, whatever it says: what is checked is in
    /// the hands of whoever made it.
    #[must_use]
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self {
            config,
            server_name: None,
        }
    }

    /// Proves with this certificate who the client is, to servers that ask for
    /// one. `chain` is the certificate, and those that lead from it to the
    /// authority.
    ///
    /// # Errors
    /// [`TlsError`] if one of the two cannot be read, or they do not belong
    /// together.
    pub fn client_certificate_pem(mut self, chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let identity = SingleCertAndKey::from(pem::identity(chain, key)?);
        Arc::make_mut(&mut self.config).client_auth_cert_resolver = Arc::new(identity);
        Ok(self)
    }

    /// The name that certificates are checked against, and that servers are
    /// told, in place of the host that was asked for.
    ///
    /// # Errors
    /// [`TlsError::Name`] if it is none.
    pub fn server_name(mut self, name: &str) -> Result<Self, TlsError> {
        self.server_name = Some(server_name(name)?);
        Ok(self)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The name that a certificate of this host is checked against: a DNS name,
    /// which the server is also told (SNI), or an IP address, also in brackets.
    /// Nothing that DNS says comes into it.
    ///
    /// # Errors
    /// [`TlsError::Name`] if the host is neither.
    pub fn name_of(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => server_name(host),
        }
    }

    /// The beginning of a connection to this host.
    ///
    /// # Errors
    /// [`TlsError::Name`] if no certificate can be checked against the host, or
    /// what rustls says.
    pub fn connection(&self, host: &str) -> Result<ClientConnection, TlsError> {
        ClientConnection::new(Arc::clone(&self.config), self.name_of(host)?)
            .map_err(TlsError::other)
    }

    /// What there is to know of a connection whose handshake is complete.
    #[must_use]
    pub fn info(&self, connection: &ClientConnection) -> TlsInfo {
        let info = info::info(connection, |octets, label, context| {
            connection.export_keying_material(octets, label, context)
        });
        match connection.peer_certificates().and_then(<[_]>::first) {
            Some(certificate) => info.server_certificate(certificate.as_ref()),
            None => info,
        }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::other)
}

fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let refused = || TlsError::Name(host.to_owned());
    let name = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => {
            let address: core::net::IpAddr = address.parse().map_err(|_| refused())?;
            return Ok(ServerName::IpAddress(address.into()));
        }
        // The root of DNS is in no certificate.
        None => host.strip_suffix('.').unwrap_or(host),
    };
    ServerName::try_from(name.to_owned()).map_err(|_| refused())
}
