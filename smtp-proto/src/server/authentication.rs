//! What a server offers by way of authentication (RFC 4954).

use alloc::vec::Vec;

use crate::{
    TlsInfo,
    sasl::{Binding, ServerMechanism},
    types::Secret,
};

/// Whether and how clients can authenticate.
///
/// What is listed, and accepted, depends on the connection too: a mechanism that
/// sends a password or a token as it is needs TLS; one that binds to the TLS
/// connection needs one with something to bind to; `EXTERNAL` needs a client
/// certificate; and SCRAM and `CRAM-MD5` need
/// [`Session::set_seed`](super::Session::set_seed).
///
/// ```
/// use smtp_proto::{TlsPolicy, server::{Authentication, Config}};
///
/// // A submission server (port 587).
/// let config = Config::new("mail.example.net".parse()?)?
///     .tls(TlsPolicy::Required)
///     .authentication(Authentication::new().required(true));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Authentication {
    mechanisms: Vec<ServerMechanism>,
    pub(super) required: bool,
    secrets_in_clear: bool,
    pub(super) max_attempts: usize,
    pub(super) legacy_list: bool,
    pub(super) decoy: Option<(Secret, u32)>,
}

impl Authentication {
    /// What a server with a store of passwords has, best first.
    pub const DEFAULT_MECHANISMS: [ServerMechanism; 6] = [
        ServerMechanism::ScramSha256Plus,
        ServerMechanism::ScramSha1Plus,
        ServerMechanism::ScramSha256,
        ServerMechanism::ScramSha1,
        ServerMechanism::Plain,
        ServerMechanism::Login,
    ];
    /// How many attempts may fail before the session ends, by default and at
    /// least (RFC 4954 section 9).
    pub const MIN_MAX_ATTEMPTS: usize = 3;

    /// The [`DEFAULT_MECHANISMS`](Self::DEFAULT_MECHANISMS), for whoever wants
    /// to use them.
    #[must_use]
    pub fn new() -> Self {
        Self {
            mechanisms: Self::DEFAULT_MECHANISMS.to_vec(),
            required: false,
            secrets_in_clear: false,
            max_attempts: Self::MIN_MAX_ATTEMPTS,
            legacy_list: false,
            decoy: None,
        }
    }

    /// These mechanisms, listed in this order. `EXTERNAL`, `CRAM-MD5` and those
    /// with tokens are listed only if they are named here.
    ///
    /// SCRAM takes a store that has passwords, or keys made from them; `PLAIN`
    /// and `LOGIN` take any store.
    #[must_use]
    pub fn mechanisms(mut self, mechanisms: impl IntoIterator<Item = ServerMechanism>) -> Self {
        self.mechanisms = mechanisms.into_iter().collect();
        self
    }

    /// Whether clients that have not authenticated get 530 5.7.0 to all but
    /// AUTH, EHLO, HELO, NOOP, RSET, STARTTLS and QUIT. Off by default.
    #[must_use]
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Whether passwords and tokens may be sent without TLS, for all to see. Off
    /// by default, which RFC 4954 section 4 wants: such mechanisms are then not
    /// listed, and an attempt gets 538 5.7.11, whatever it has in it.
    #[must_use]
    pub fn secrets_in_clear(mut self, allow: bool) -> Self {
        self.secrets_in_clear = allow;
        self
    }

    /// How many attempts of a session may fail, or be given up: the reply to the
    /// last is followed by 421 and the end. 3, which is the least there is.
    #[must_use]
    pub fn max_attempts(mut self, attempts: usize) -> Self {
        self.max_attempts = attempts.max(Self::MIN_MAX_ATTEMPTS);
        self
    }

    /// Whether to list the mechanisms in a line `AUTH=...` too, for clients that
    /// are older than the standard. Off by default.
    #[must_use]
    pub fn legacy_list(mut self, list: bool) -> Self {
        self.legacy_list = list;
        self
    }

    /// What SCRAM shows for users that do not exist, where keys made from
    /// passwords are stored, and not passwords: a salt made from `key`, which
    /// nobody else knows and every session is given, and this number of
    /// `iterations`, that of the keys stored. Without it the salt of such users
    /// changes with every connection, which tells them from others.
    #[must_use]
    pub fn scram_decoy(mut self, key: impl Into<Secret>, iterations: u32) -> Self {
        self.decoy = Some((key.into(), iterations));
        self
    }

    /// Whether only TLS is missing for this mechanism.
    pub(super) fn forbids_in_clear(
        &self,
        mechanism: ServerMechanism,
        tls: Option<&TlsInfo>,
    ) -> bool {
        self.mechanisms.contains(&mechanism)
            && mechanism.exposes_credentials()
            && tls.is_none()
            && !self.secrets_in_clear
    }

    /// What is listed on this connection.
    pub(super) fn offered(
        &self,
        tls: Option<&TlsInfo>,
        has_seed: bool,
    ) -> impl Iterator<Item = ServerMechanism> {
        self.mechanisms.iter().copied().filter(move |&mechanism| {
            is_possible(mechanism, tls, has_seed) && !self.forbids_in_clear(mechanism, tls)
        })
    }
}

impl Default for Authentication {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether this connection can have the mechanism.
fn is_possible(mechanism: ServerMechanism, tls: Option<&TlsInfo>, has_seed: bool) -> bool {
    let has_nonce = has_seed && cfg!(feature = "digest");
    match mechanism {
        ServerMechanism::ScramSha256Plus | ServerMechanism::ScramSha1Plus => {
            has_nonce && tls.is_some_and(|tls| Binding::new(tls, None).is_some())
        }
        ServerMechanism::ScramSha256 | ServerMechanism::ScramSha1 | ServerMechanism::CramMd5 => {
            has_nonce
        }
        ServerMechanism::External => {
            tls.is_some_and(|tls| tls.verified_client_certificate().is_some())
        }
        _ => true,
    }
}
