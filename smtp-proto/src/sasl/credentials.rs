//! What a client proves its identity with.

use alloc::string::String;

use crate::types::Secret;

/// Who the client is, and what proves it.
///
/// ```
/// use smtp_proto::sasl::Credentials;
///
/// let credentials = Credentials::password("alice@example.org", "wonderland");
/// assert!(!format!("{credentials:?}").contains("wonderland"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub(super) proof: Proof,
    /// The identity to act as, if it is not the client's own.
    pub(super) authorization: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Password {
        user: String,
        password: Secret,
    },
    Token {
        user: String,
        token: Secret,
        host: Option<String>,
        port: Option<u16>,
    },
    External,
}

impl Credentials {
    /// A user name and a password, for SCRAM, CRAM-MD5, PLAIN and LOGIN.
    #[must_use]
    pub fn password(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::new(Proof::Password {
            user: user.into(),
            password: password.into(),
        })
    }

    /// A user name and an access token of OAuth 2.0, for OAUTHBEARER and XOAUTH2.
    /// To get one, and a new one in time, is the application's.
    #[must_use]
    pub fn token(user: impl Into<String>, token: impl Into<Secret>) -> Self {
        Self::new(Proof::Token {
            user: user.into(),
            token: token.into(),
            host: None,
            port: None,
        })
    }

    /// Something outside of the exchange, such as the certificate of the client,
    /// for EXTERNAL.
    #[must_use]
    pub fn external() -> Self {
        Self::new(Proof::External)
    }

    /// The identity to act as, where that is not the client's own. A mechanism
    /// that cannot tell it (LOGIN, CRAM-MD5, XOAUTH2) is not used then.
    #[must_use]
    pub fn authorization_identity(mut self, identity: impl Into<String>) -> Self {
        self.authorization = Some(identity.into());
        self
    }

    /// The host and port that OAUTHBEARER tells the server it was meant for (RFC
    /// 7628 section 3.1); nothing with other credentials than a token.
    #[must_use]
    pub fn server(mut self, name: impl Into<String>, number: u16) -> Self {
        if let Proof::Token { host, port, .. } = &mut self.proof {
            *host = Some(name.into());
            *port = Some(number);
        }
        self
    }

    const fn new(proof: Proof) -> Self {
        Self {
            proof,
            authorization: None,
        }
    }
}
