//! What a client claims, and what the application says to it.

use alloc::{string::String, vec::Vec};

use super::{credential::Credential, server::ServerMechanism};
use core::fmt;

use crate::types::Secret;

/// Who a client says it is, and what it shows for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(super) mechanism: ServerMechanism,
    pub(super) authentication: String,
    pub(super) authorization: Option<String>,
    pub(super) shown: Shown,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Shown {
    Password(Secret),
    Token(Secret),
    Certificate(Vec<u8>),
    Digest,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(password) => password.fmt(f),
            Self::Token(token) => token.fmt(f),
            Self::Certificate(der) => write!(f, "Certificate({} octets)", der.len()),
            Self::Digest => f.write_str("Digest"),
        }
    }
}

/// What a client shows for its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof<'a> {
    /// A password (PLAIN, LOGIN). [`Verdict::Check`] compares it with what is
    /// stored, or the application does and says [`Verdict::Accept`].
    Password(&'a Secret),
    /// An access token (OAUTHBEARER, XOAUTH2), for the application to check.
    Token(&'a Secret),
    /// The certificate with which the client opened the TLS connection, in DER;
    /// it was verified (EXTERNAL). Who it stands for is for the application to
    /// know.
    Certificate(&'a [u8]),
    /// Nothing yet that could be looked at: only from what is stored can be told
    /// whether the client knows the password (SCRAM, CRAM-MD5). The verdict has
    /// to be [`Verdict::Check`].
    Digest,
}

impl Claim {
    /// The mechanism in use.
    #[must_use]
    pub const fn mechanism(&self) -> ServerMechanism {
        self.mechanism
    }

    /// Who the client says it is. Empty with EXTERNAL, where the certificate
    /// says it. With OAUTHBEARER it is the name that goes with the token, which
    /// may be empty too.
    #[must_use]
    pub fn authentication_identity(&self) -> &str {
        &self.authentication
    }

    /// Whom the client wants to act as, if that is somebody in particular.
    /// Whoever accepts the claim, accepts this too.
    #[must_use]
    pub fn authorization_identity(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// What the client shows for it.
    #[must_use]
    pub fn proof(&self) -> Proof<'_> {
        match &self.shown {
            Shown::Password(password) => Proof::Password(password),
            Shown::Token(token) => Proof::Token(token),
            Shown::Certificate(der) => Proof::Certificate(der),
            Shown::Digest => Proof::Digest,
        }
    }
}

/// What the application says to a [`Claim`].
///
/// Every answer but [`Unavailable`](Self::Unavailable) that does not let the
/// client in looks the same to it, whatever the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The client is who it says. Not for [`Proof::Digest`], where nothing has
    /// been proved: there it fails.
    Accept,
    /// As [`Accept`](Self::Accept), and this is who it is: where the claim names
    /// nobody (a certificate), or not in the way the application does.
    AcceptAs(String),
    /// This is stored for the user: the client is who it says if its proof fits.
    /// For a token or a certificate it fails.
    Check(Credential),
    /// There is no such user. The exchange goes on as it would with a wrong
    /// password, and takes as much work.
    UnknownUser,
    /// The client may not do this, whatever it proves.
    Refuse,
    /// It cannot be told now; the client is to try again later.
    Unavailable,
}
