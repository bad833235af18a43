//! Which mechanisms the client has for the credentials, and on a connection.

use alloc::{boxed::Box, string::String};

use super::{
    channel_binding::Binding,
    credentials::{Credentials, Proof},
    error::Error,
    external::External,
    login::Login,
    mechanism::Mechanism,
    oauth::{OauthBearer, Xoauth2},
    plain::Plain,
};

/// What a mechanism has to know of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// What to bind the exchange to, inside TLS.
    pub(crate) binding: Option<Binding>,
    /// Whether the server offers any mechanism whose name ends in `-PLUS`.
    pub(crate) plus_offered: bool,
    /// Printable, without commas, and never used before; see `Nonces`. Without
    /// one there is no SCRAM.
    pub(crate) nonce: Option<String>,
    /// The most iterations that a server may ask for.
    pub(crate) max_iterations: u32,
}

/// The mechanism of this name (in upper case); `None` if the credentials, the
/// connection, or this build cannot serve it. A fault in the credentials comes
/// to light when the exchange starts.
pub(crate) fn client(
    name: &str,
    credentials: &Credentials,
    #[cfg_attr(not(feature = "digest"), allow(unused_variables))] context: &Context,
) -> Option<Box<dyn Mechanism>> {
    let authorization = credentials.authorization.as_deref();
    Some(match (&credentials.proof, name) {
        (Proof::Password { user, password }, "PLAIN") => {
            Box::new(Plain::new(authorization, user, password))
        }
        (Proof::Password { user, password }, "LOGIN") if authorization.is_none() => {
            Box::new(Login::new(user, password))
        }
        #[cfg(feature = "digest")]
        (Proof::Password { user, password }, "CRAM-MD5") if authorization.is_none() => {
            Box::new(super::cram_md5::CramMd5::new(user, password))
        }
        #[cfg(feature = "digest")]
        (Proof::Password { user, password }, _) => {
            let scram = super::scram::Scram::new(name, authorization, user, password, context)?;
            Box::new(scram)
        }
        (Proof::Token { user, token, .. }, "XOAUTH2") if authorization.is_none() => {
            Box::new(Xoauth2::new(user, token))
        }
        (
            Proof::Token {
                user,
                token,
                host,
                port,
            },
            "OAUTHBEARER",
        ) => Box::new(OauthBearer::new(
            authorization.unwrap_or(user),
            token,
            host.as_deref(),
            *port,
        )),
        (Proof::External, "EXTERNAL") => Box::new(External::new(authorization)),
        _ => return None,
    })
}

/// NUL ends a field, in PLAIN, and no other mechanism has it in a name.
pub(super) fn without_nul(octets: &[u8], what: &'static str) -> Result<(), Error> {
    if octets.contains(&0) {
        return Err(Error::Credentials(what));
    }
    Ok(())
}
