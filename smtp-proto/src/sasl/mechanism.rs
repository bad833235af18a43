//! One exchange, seen from the client.

use alloc::vec::Vec;
use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::error::Error;
use crate::types::Secret;

/// One exchange of a SASL mechanism, seen from the client.
///
/// Implement it for a mechanism that this crate does not have, such as GSSAPI.
/// The session calls [`start`](Self::start) once, then
/// [`respond`](Self::respond) for each challenge, and
/// [`finish`](Self::finish) when the server says that the client is
/// authenticated. After an error it cancels the exchange and calls nothing more.
///
/// Implementations keep secrets out of their `Debug` form.
///
/// ```
/// use smtp_proto::client::Authentication;
/// use smtp_proto::sasl::{Challenge, Error, Mechanism};
/// use smtp_proto::types::Secret;
///
/// /// Says who it is, and proves nothing (RFC 4505).
/// #[derive(Debug)]
/// struct Anonymous;
///
/// impl Mechanism for Anonymous {
///     fn name(&self) -> &str {
///         "ANONYMOUS"
///     }
///     fn exposes_credentials(&self) -> bool {
///         false
///     }
///     fn start(&mut self) -> Result<Option<Secret>, Error> {
///         Ok(Some("visitor".into()))
///     }
///     fn respond(&mut self, _: Challenge<'_>) -> Result<Secret, Error> {
///         Err(Error::Challenge("there is nothing to ask"))
///     }
/// }
///
/// let authentication = Authentication::custom("ANONYMOUS", |_tls| Some(Box::new(Anonymous)));
/// ```
///
/// The example `rsasl` has one for everything that the framework of that name
/// can do.
pub trait Mechanism: fmt::Debug + Send + Sync {
    /// The registered name, in upper case: 1 to 20 letters, digits, `-` and `_`.
    fn name(&self) -> &str;

    /// Whether somebody who sees the exchange could authenticate in the place
    /// of the client. Such a mechanism is used inside TLS only, unless the
    /// application says otherwise in as many words.
    fn exposes_credentials(&self) -> bool;

    /// The initial response; `None` if the server has to speak first.
    ///
    /// # Errors
    /// [`Error`] if there can be no exchange.
    fn start(&mut self) -> Result<Option<Secret>, Error>;

    /// The response to a challenge.
    ///
    /// # Errors
    /// [`Error`] if there is none.
    fn respond(&mut self, challenge: Challenge<'_>) -> Result<Secret, Error>;

    /// The server says that the exchange has succeeded.
    ///
    /// # Errors
    /// [`Error`] if it cannot have, because the server has yet to prove who it
    /// is. The session ends.
    fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// What the server said in a challenge, before it refused, about the reason:
    /// JSON, with the mechanisms of OAuth.
    fn refusal(&self) -> Option<&str> {
        None
    }
}

/// What the server sent with a 334.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a>(&'a [u8]);

impl<'a> Challenge<'a> {
    /// A challenge in the form that the wire has.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The text as it came, which servers do not always encode: a mechanism
    /// that only waits for its turn to speak has no reason to look.
    #[must_use]
    pub const fn text(self) -> &'a [u8] {
        self.0
    }

    /// The octets that the text encodes.
    ///
    /// # Errors
    /// [`Error::NotBase64`].
    pub fn decode(self) -> Result<Vec<u8>, Error> {
        STANDARD.decode(self.0).map_err(|_| Error::NotBase64)
    }
}
