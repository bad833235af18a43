//! EXTERNAL: the proof is elsewhere, in the certificate of the client (RFC 4422
//! appendix A).

use alloc::{string::String, vec::Vec};

use super::{
    claim::{Claim, Shown},
    client::without_nul,
    error::Error,
    mechanism::{Challenge, Mechanism},
    prepare,
    server::{Failure, Half, Next, ServerMechanism, text},
};
use crate::{TlsInfo, types::Secret};

/// The client's half.
#[derive(Debug)]
pub(super) struct External {
    authorization: String,
    repeated: bool,
}

impl External {
    pub(super) fn new(authorization: Option<&str>) -> Self {
        Self {
            authorization: authorization.map(prepare::name).unwrap_or_default(),
            repeated: false,
        }
    }
}

impl Mechanism for External {
    fn name(&self) -> &str {
        "EXTERNAL"
    }

    fn exposes_credentials(&self) -> bool {
        false
    }

    fn start(&mut self) -> Result<Option<Secret>, Error> {
        let authorization = self.authorization.as_bytes();
        without_nul(authorization, "a NUL in the authorization identity")?;
        Ok(Some(Secret::new(authorization)))
    }

    /// A server that does not take initial responses asks for it.
    fn respond(&mut self, _: Challenge<'_>) -> Result<Secret, Error> {
        if core::mem::replace(&mut self.repeated, true) {
            return Err(Error::Challenge("EXTERNAL has said everything"));
        }
        Ok(Secret::from(self.authorization.as_str()))
    }
}

/// The server's half.
#[derive(Debug)]
pub(super) struct Server {
    certificate: Vec<u8>,
}

impl Server {
    /// `None` if the client has not shown a certificate.
    pub(super) fn new(tls: Option<&TlsInfo>) -> Option<Self> {
        let certificate = tls?.verified_client_certificate()?.to_vec();
        Some(Self { certificate })
    }
}

impl Half for Server {
    fn respond(&mut self, response: &[u8]) -> Result<Next, Failure> {
        let authorization = text(response)?;
        if authorization.contains('\0') {
            return Err(Failure::Syntax);
        }
        let authorization = Some(authorization).filter(|name| !name.is_empty());
        Ok(Next::Ask(Claim {
            mechanism: ServerMechanism::External,
            authentication: String::new(),
            authorization: authorization.map(prepare::name),
            shown: Shown::Certificate(core::mem::take(&mut self.certificate)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_the_authorization_identity_or_nothing() {
        let message = |authorization| External::new(authorization).start();
        assert_eq!(message(None), Ok(Some(Secret::default())));
        assert_eq!(message(Some("fred")), Ok(Some("fred".into())));
        assert!(matches!(message(Some("a\0b")), Err(Error::Credentials(_))));

        let mut external = External::new(Some("fred"));
        assert_eq!(external.respond(Challenge::new(b"")), Ok("fred".into()));
        assert!(external.respond(Challenge::new(b"")).is_err());
    }
}
