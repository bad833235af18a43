//! What TLS has to do with a session: the policy, and the facts.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::types::Secret;

/// Whether a session is protected by TLS, and how (RFC 3207, RFC 8314).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsPolicy {
    /// Never. A client does not ask for it, a server does not offer it.
    #[default]
    None,
    /// By `STARTTLS` where the other side has it, and in clear where it has
    /// not: better than nothing between servers, and no protection against
    /// anyone who can change what is sent.
    Opportunistic,
    /// By `STARTTLS`, or not at all (port 587). A client ends the session
    /// before it has told more than its own name; a server refuses everything
    /// else.
    Required,
    /// From the first octet (port 465).
    Implicit,
}

/// What the driver knows of a TLS connection that was made for a session.
///
/// Everything may be left out: what is not told is not used.
///
/// ```
/// use smtp_proto::TlsInfo;
///
/// let info = TlsInfo::new().version("TLSv1.3").cipher_suite("TLS_AES_128_GCM_SHA256");
/// assert_eq!(info.to_string(), "TLSv1.3 TLS_AES_128_GCM_SHA256");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsInfo {
    version: String,
    cipher_suite: String,
    pub(crate) exporter: Option<Secret>,
    pub(crate) server_certificate: Option<Vec<u8>>,
    client_certificate: Option<Vec<u8>>,
}

impl TlsInfo {
    /// A connection of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The version, for people and for trace fields.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// The cipher suite, for people and for trace fields.
    #[must_use]
    pub fn cipher_suite(mut self, name: &str) -> Self {
        self.cipher_suite = name.into();
        self
    }

    /// The 32 octets that both sides derive for the label
    /// `EXPORTER-Channel-Binding` and an empty context (RFC 9266 section 2), for
    /// SCRAM. To be given with TLS 1.3, or where the extended master secret was
    /// negotiated (section 4.2 there), and not otherwise.
    #[must_use]
    pub fn exporter(mut self, octets: impl Into<Secret>) -> Self {
        self.exporter = Some(octets.into());
        self
    }

    /// The certificate of the server, in DER; on both sides. For channel binding
    /// (`tls-server-end-point`, RFC 5929 section 4).
    #[must_use]
    pub fn server_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.server_certificate = Some(der.into());
        self
    }

    /// The certificate of the client, in DER, after it was verified; on the
    /// server's side. For EXTERNAL.
    #[must_use]
    pub fn client_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.client_certificate = Some(der.into());
        self
    }

    /// The certificate by which the client proved who it is, if it did.
    #[must_use]
    pub fn verified_client_certificate(&self) -> Option<&[u8]> {
        self.client_certificate.as_deref()
    }

    /// The name of the cipher suite, if it was told.
    #[must_use]
    pub fn cipher_suite_name(&self) -> &str {
        &self.cipher_suite
    }
}

/// Version and cipher suite.
impl fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)?;
        if !self.version.is_empty() && !self.cipher_suite.is_empty() {
            f.write_str(" ")?;
        }
        f.write_str(&self.cipher_suite)
    }
}

/// The same, and what else is known, without its octets.
impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("exporter", &self.exporter.is_some())
            .field("server_certificate", &self.server_certificate.is_some())
            .field("client_certificate", &self.client_certificate.is_some())
            .finish()
    }
}
