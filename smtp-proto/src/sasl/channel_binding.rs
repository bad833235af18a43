//! What ties an exchange to the TLS connection below it, so that nobody in
//! between can pass it on (RFC 5056, RFC 5929, RFC 9266).

use alloc::vec::Vec;
use core::fmt;

use crate::TlsInfo;

/// A type of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelBinding {
    /// `tls-exporter`, the standard for TLS 1.3 (RFC 9266).
    Exporter,
    /// `tls-server-end-point`, a digest of the certificate of the server (RFC
    /// 5929 section 4). Some servers know no other. It says nothing if somebody
    /// else has the key of the server.
    ServerEndPoint,
}

impl ChannelBinding {
    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exporter => "tls-exporter",
            Self::ServerEndPoint => "tls-server-end-point",
        }
    }

    /// The octets to bind to; `None` if nobody told, or if none are defined for
    /// the certificate.
    pub(crate) fn octets(self, tls: &TlsInfo) -> Option<Vec<u8>> {
        match self {
            Self::Exporter => tls
                .exporter
                .as_ref()
                .map(|octets| octets.expose().to_vec())
                .filter(|octets| !octets.is_empty()),
            #[cfg(feature = "digest")]
            Self::ServerEndPoint => {
                super::certificate::end_point(tls.server_certificate.as_deref()?)
            }
            #[cfg(not(feature = "digest"))]
            Self::ServerEndPoint => None,
        }
    }
}

impl fmt::Display for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the client binds an exchange to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(super) kind: ChannelBinding,
    pub(super) octets: Vec<u8>,
}

impl Binding {
    /// What the connection has: of the wanted type, if there is one, otherwise
    /// the exporter before the end point.
    pub(crate) fn new(tls: &TlsInfo, wanted: Option<ChannelBinding>) -> Option<Self> {
        let of = |kind: ChannelBinding| kind.octets(tls).map(|octets| Self { kind, octets });
        match wanted {
            Some(kind) => of(kind),
            None => of(ChannelBinding::Exporter).or_else(|| of(ChannelBinding::ServerEndPoint)),
        }
    }
}
