//! One exchange, seen from the server.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use super::{
    claim::{Claim, Verdict},
    credential::{Decoy, judge},
    external, login, oauth, plain,
};
use crate::TlsInfo;

/// A mechanism that a server can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerMechanism {
    /// `SCRAM-SHA-256-PLUS` (RFC 7677), bound to the TLS connection.
    ScramSha256Plus,
    /// `SCRAM-SHA-1-PLUS` (RFC 5802), bound to the TLS connection.
    ScramSha1Plus,
    /// `SCRAM-SHA-256` (RFC 7677).
    ScramSha256,
    /// `SCRAM-SHA-1` (RFC 5802).
    ScramSha1,
    /// `EXTERNAL` (RFC 4422 appendix A), by the certificate of the client.
    External,
    /// `OAUTHBEARER` (RFC 7628).
    OauthBearer,
    /// `XOAUTH2`, from before there was a standard.
    Xoauth2,
    /// `CRAM-MD5` (RFC 2195), for clients that have nothing better.
    CramMd5,
    /// `PLAIN` (RFC 4616).
    Plain,
    /// `LOGIN`, for clients that have nothing else.
    Login,
}

impl ServerMechanism {
    /// All of them, the strongest first.
    pub const ALL: [Self; 10] = [
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::External,
        Self::OauthBearer,
        Self::Xoauth2,
        Self::CramMd5,
        Self::Plain,
        Self::Login,
    ];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::External => "EXTERNAL",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Xoauth2 => "XOAUTH2",
            Self::CramMd5 => "CRAM-MD5",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Whether somebody who sees the exchange could authenticate in the place of
    /// the client: inside TLS only.
    #[must_use]
    pub const fn exposes_credentials(self) -> bool {
        matches!(
            self,
            Self::Plain | Self::Login | Self::OauthBearer | Self::Xoauth2
        )
    }

    /// The mechanism of this name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// Whether it is bound to the TLS connection.
    pub(crate) const fn binds(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha1Plus)
    }
}

impl fmt::Display for ServerMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an exchange has to know of the session.
#[derive(Clone, Debug)]
pub(crate) struct Setting<'a> {
    /// What is known of TLS, if there is TLS.
    pub(crate) tls: Option<&'a TlsInfo>,
    /// Whether the list of the server had any mechanism that
    /// [`binds`](ServerMechanism::binds).
    pub(crate) plus_offered: bool,
    /// Never used before; see `Nonces`.
    pub(crate) nonce: Option<String>,
    /// The name of the server, which CRAM-MD5 shows.
    pub(crate) host: &'a str,
    /// For users that do not exist.
    pub(crate) decoy: Decoy,
}

/// What the session does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sends a 334 with these octets.
    Challenge(Vec<u8>),
    /// Asks the application about [`Exchange::claim`], and hands its answer to
    /// [`Exchange::answer`].
    Ask,
    /// The client is authenticated.
    Accepted,
    /// It is not.
    Failed(Failure),
}

/// Why a client is not authenticated; all that it may learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Wrong, for whatever reason: 535 5.7.8.
    Credentials,
    /// A message that the mechanism does not have: 501 5.5.2.
    Syntax,
    /// An initial response where the server speaks first: 501 5.7.0.
    InitialResponse,
    /// It cannot be told now: 454 4.7.0.
    Temporary,
}

/// One exchange, seen from the server. It never asks for more than three
/// responses.
#[derive(Debug)]
pub(crate) struct Exchange {
    half: Box<dyn Half>,
    pub(super) decoy: Decoy,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    New,
    Challenged,
    Asked(Claim),
    Over,
}

impl Exchange {
    /// `None` if the mechanism needs something that the session has not got: a
    /// nonce, a binding, the certificate of the client, or a digest that this
    /// build leaves out.
    pub(crate) fn new(mechanism: ServerMechanism, setting: Setting<'_>) -> Option<Self> {
        let half: Box<dyn Half> = match mechanism {
            ServerMechanism::Plain => Box::new(plain::Server),
            ServerMechanism::Login => Box::new(login::Server::default()),
            ServerMechanism::Xoauth2 => Box::new(oauth::Server::xoauth2()),
            ServerMechanism::OauthBearer => Box::new(oauth::Server::oauthbearer()),
            ServerMechanism::External => Box::new(external::Server::new(setting.tls)?),
            #[cfg(feature = "digest")]
            ServerMechanism::CramMd5 => Box::new(super::cram_md5::Server::new(&setting)?),
            #[cfg(feature = "digest")]
            _ => Box::new(super::scram::Server::new(mechanism, &setting)?),
            #[cfg(not(feature = "digest"))]
            _ => return None,
        };
        Some(Self {
            half,
            decoy: setting.decoy,
            phase: Phase::New,
        })
    }

    /// Begins, with the initial response, decoded, if the client sent one.
    pub(crate) fn start(&mut self, initial: Option<&[u8]>) -> Step {
        if !matches!(self.phase, Phase::New) {
            return self.end(Failure::Syntax);
        }
        let next = match initial {
            Some(_) if !self.half.takes_initial_response() => Err(Failure::InitialResponse),
            Some(response) => self.half.respond(response),
            None => Ok(Next::Challenge(self.half.challenge())),
        };
        self.step(next)
    }

    /// Goes on with a response, decoded.
    pub(crate) fn respond(&mut self, response: &[u8]) -> Step {
        if !matches!(self.phase, Phase::Challenged) {
            return self.end(Failure::Syntax);
        }
        let next = self.half.respond(response);
        self.step(next)
    }

    /// What the application is asked about, after [`Step::Ask`].
    pub(crate) const fn claim(&self) -> Option<&Claim> {
        match &self.phase {
            Phase::Asked(claim) => Some(claim),
            _ => None,
        }
    }

    /// Goes on with what the application says to the claim.
    pub(crate) fn answer(&mut self, verdict: &Verdict) -> Step {
        let Phase::Asked(claim) = core::mem::replace(&mut self.phase, Phase::Over) else {
            return Step::Failed(Failure::Syntax);
        };
        let next = self.half.answer(&claim, verdict, &self.decoy);
        self.step(next)
    }

    fn step(&mut self, next: Result<Next, Failure>) -> Step {
        let (phase, step) = match next {
            Ok(Next::Challenge(octets)) => (Phase::Challenged, Step::Challenge(octets)),
            Ok(Next::Ask(claim)) => (Phase::Asked(claim), Step::Ask),
            Ok(Next::Accepted) => (Phase::Over, Step::Accepted),
            Err(failure) => (Phase::Over, Step::Failed(failure)),
        };
        self.phase = phase;
        step
    }

    fn end(&mut self, failure: Failure) -> Step {
        self.step(Err(failure))
    }
}

/// What comes after a message of the client, or after an answer of the
/// application.
#[derive(Debug)]
pub(super) enum Next {
    Challenge(Vec<u8>),
    Ask(Claim),
    Accepted,
}

/// The server's half of a mechanism.
pub(super) trait Half: fmt::Debug + Send + Sync {
    /// Whether the client may speak first.
    fn takes_initial_response(&self) -> bool {
        true
    }

    /// The first challenge, if the client has not spoken.
    fn challenge(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn respond(&mut self, response: &[u8]) -> Result<Next, Failure>;

    fn answer(&mut self, claim: &Claim, verdict: &Verdict, decoy: &Decoy) -> Result<Next, Failure> {
        judge(claim, verdict, decoy).map(|()| Next::Accepted)
    }
}

/// A message, or a part of one, as text.
pub(super) fn text(octets: &[u8]) -> Result<&str, Failure> {
    core::str::from_utf8(octets).map_err(|_| Failure::Syntax)
}
