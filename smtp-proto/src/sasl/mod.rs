//! Authentication: SASL mechanisms, as exchanges of messages (RFC 4422).
//!
//! A [`Mechanism`] is one exchange, seen from the client. It knows nothing of
//! SMTP: the session picks it, encodes what it says, and bounds the exchange.
//! [`Credentials`] are what the mechanisms of this crate work with:
//!
//! | mechanism | credentials | what a listener learns | needs |
//! |---|---|---|---|
//! | `SCRAM-SHA-256-PLUS`, `SCRAM-SHA-1-PLUS` | password | nothing; bound to the TLS connection | feature `digest`, a seed, TLS |
//! | `SCRAM-SHA-256`, `SCRAM-SHA-1` | password | what a guess of the password can be tried on | feature `digest`, a seed |
//! | `EXTERNAL` | a certificate | nothing | TLS |
//! | `OAUTHBEARER`, `XOAUTH2` | token | the token | |
//! | `CRAM-MD5` | password | what a guess can be tried on, fast | feature `digest` |
//! | `PLAIN`, `LOGIN` | password | the password | |

#![cfg_attr(
    not(feature = "digest"),
    allow(dead_code, reason = "only SCRAM and CRAM-MD5 use it")
)]

#[cfg(feature = "digest")]
mod certificate;
mod channel_binding;
mod claim;
mod client;
#[cfg(feature = "digest")]
mod cram_md5;
mod credential;
mod credentials;
#[cfg(feature = "digest")]
mod digest;
mod error;
mod external;
mod login;
mod mechanism;
mod nonce;
mod oauth;
mod plain;
mod prepare;
mod saslname;
#[cfg(feature = "digest")]
mod scram;
mod server;
#[cfg(test)]
mod tests;

pub use channel_binding::ChannelBinding;
pub use claim::{Claim, Proof, Verdict};
pub use credential::Credential;
pub use credentials::Credentials;
pub use error::Error;
pub use mechanism::{Challenge, Mechanism};
#[cfg(feature = "digest")]
pub use scram::{ScramHash, ScramKeys};
pub use server::ServerMechanism;

pub(crate) use {
    channel_binding::Binding,
    client::{Context, client},
    credential::Decoy,
    nonce::Nonces,
    server::{Exchange, Failure, Setting, Step},
};
