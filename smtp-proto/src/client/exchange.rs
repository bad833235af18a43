//! Authentication: from the choice of a mechanism to the last reply.

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};
use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    authentication::{Authentication, AuthenticationError},
    error::ErrorKind,
    event::{Event, RequestId},
    pipeline::Expected,
    session::Session,
    state::{Input, State},
};
use crate::{
    sasl::{self, Challenge, Mechanism, Nonces},
    types::{Capability, Class, Reply, Secret},
};

/// The longest command line with an initial response, in octets with its CRLF
/// (RFC 4954 section 4). What does not fit is sent after the first challenge.
const MAX_AUTH_LINE: usize = 512;

/// What cancels an exchange (RFC 4954 section 4).
const CANCEL: &[u8] = b"*";

/// The longest response, in octets with its CRLF: as much as servers are told to
/// take (RFC 4954 section 4).
const MAX_RESPONSE_LINE: usize = 12_288;

/// Refusals that are about the mechanism, so that another one may do (RFC 4954
/// section 6). After any other, the credentials are not shown again.
const TRY_ANOTHER: [u16; 5] = [432, 454, 504, 534, 538];

/// One exchange, and what is to be done when it fails.
pub(super) struct Exchange {
    authentication: Authentication,
    /// `None` if it is part of the opening.
    request: Option<RequestId>,
    tried: Vec<String>,
    name: String,
    mechanism: Box<dyn Mechanism>,
    /// An initial response that was too long for the command line.
    held_back: Option<Secret>,
    rounds: usize,
    /// Why it was cancelled, if it was; the reply to that has not come.
    cancelled: Option<AuthenticationError>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({}, round {})", self.name, self.rounds)
    }
}

impl Session {
    /// Begins with the mechanism that is liked best.
    pub(super) fn begin_authentication(
        &mut self,
        authentication: Authentication,
        request: Option<RequestId>,
    ) {
        match self.choose(&authentication, &[]) {
            Ok((name, mechanism)) => self.start_exchange(Exchange {
                authentication,
                request,
                tried: Vec::new(),
                name,
                mechanism,
                held_back: None,
                rounds: 0,
                cancelled: None,
            }),
            Err(error) => self.not_authenticated(request, error),
        }
    }

    fn choose(
        &mut self,
        authentication: &Authentication,
        tried: &[String],
    ) -> Result<(String, Box<dyn Mechanism>), AuthenticationError> {
        let nonce = self.nonces.as_mut().and_then(Nonces::next);
        let offered = self.capabilities.auth_mechanisms();
        let tls = self.tls.as_ref();
        let starttls = tls.is_none() && self.capabilities.has(&Capability::StartTls);
        authentication.choose(&offered, tried, tls, starttls, nonce)
    }

    fn start_exchange(&mut self, mut exchange: Exchange) {
        let initial = match exchange.mechanism.start() {
            Ok(initial) => initial,
            Err(error) => {
                let error = exchange.failed(error);
                self.not_authenticated(exchange.request, error);
                return;
            }
        };
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_AUTH_LINE));
        line.extend_from_slice(b"AUTH ");
        line.extend_from_slice(exchange.name.as_bytes());
        if let Some(initial) = initial {
            let encoded = encode(&initial);
            let fits = line.len() + " ".len() + encoded.len().max(1) + "\r\n".len();
            if fits > MAX_AUTH_LINE {
                exchange.held_back = Some(initial);
            } else {
                line.push(b' ');
                // An empty one has to be told from none at all.
                line.extend_from_slice(if encoded.is_empty() { b"=" } else { &encoded });
            }
        }
        self.transcript.command(&line);
        self.advance(Input::Auth);
        self.secret_line(line);
        self.exchange = Some(Box::new(exchange));
    }

    /// The reply to AUTH, or to a response.
    pub(super) fn auth_was_answered(&mut self, reply: Reply) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        match (reply.class(), exchange.cancelled.take()) {
            // To a cancellation there can be no challenge.
            (Some(Class::PositiveIntermediate), Some(_)) => {
                // Its text may be what the client had said.
                self.fail(ErrorKind::Unexpected, Some(reply.without_text()));
            }
            (_, Some(reason)) => self.not_authenticated(exchange.request, reason),
            (Some(Class::PositiveIntermediate), None) => self.challenged(exchange, &reply),
            (Some(Class::PositiveCompletion), None) => match exchange.mechanism.finish() {
                Ok(()) => self.was_authenticated(*exchange),
                Err(error) => {
                    let error = exchange.failed(error);
                    self.fail(ErrorKind::Authentication(error), None);
                }
            },
            _ => self.refused(*exchange, reply),
        }
    }

    fn challenged(&mut self, mut exchange: Box<Exchange>, reply: &Reply) {
        let response = exchange.response(reply.lines().next().unwrap_or_default());
        let line = match response {
            Ok(response) => {
                self.transcript.masked();
                encode(&response)
            }
            Err(error) => {
                exchange.cancelled = Some(error);
                self.transcript.command(CANCEL);
                Zeroizing::new(CANCEL.to_vec())
            }
        };
        self.secret_line(line);
        self.exchange = Some(exchange);
    }

    fn refused(&mut self, mut exchange: Exchange, reply: Reply) {
        let code = reply.code().get();
        let error = AuthenticationError::Refused {
            mechanism: exchange.name.clone(),
            message: exchange.mechanism.refusal().map(ToOwned::to_owned),
            reply: Box::new(reply),
        };
        exchange.tried.push(exchange.name);
        if TRY_ANOTHER.contains(&code)
            && let Ok((name, mechanism)) = self.choose(&exchange.authentication, &exchange.tried)
        {
            self.start_exchange(Exchange {
                name,
                mechanism,
                held_back: None,
                rounds: 0,
                ..exchange
            });
        } else {
            self.not_authenticated(exchange.request, error);
        }
    }

    fn was_authenticated(&mut self, exchange: Exchange) {
        self.authenticated = Some(exchange.name);
        if let Some(request) = exchange.request {
            self.authenticating = false;
            self.events.push_back(Event::Authenticated { request });
        }
        if exchange.authentication.hello_again {
            self.advance(Input::HelloAgain);
            self.say_hello();
        } else {
            self.open();
        }
    }

    /// As part of the opening, that is the end of the session; so it is when the
    /// server may be somebody else.
    fn not_authenticated(&mut self, request: Option<RequestId>, error: AuthenticationError) {
        match request {
            Some(request) if !error.is_about_the_server() => {
                self.authenticating = false;
                if self.state == State::Auth {
                    self.advance(Input::Answered);
                }
                let event = Event::AuthenticationFailed { request, error };
                self.events.push_back(event);
            }
            _ => self.fail(ErrorKind::Authentication(error), None),
        }
    }

    /// The session ends in an exchange, for this reason; but if the exchange was
    /// cancelled, and the server ends the session where it was to answer that, the
    /// reason for cancelling is what counts: it may be that the server is somebody
    /// else.
    pub(super) fn end_exchange(&mut self, kind: ErrorKind) -> ErrorKind {
        let Some(exchange) = self.exchange.take() else {
            return kind;
        };
        match (exchange.cancelled, exchange.request) {
            (Some(_), _) if kind == ErrorKind::Aborted => kind,
            (Some(error), Some(request)) if !error.is_about_the_server() => {
                let event = Event::AuthenticationFailed { request, error };
                self.events.push_back(event);
                kind
            }
            (Some(error), _) => ErrorKind::Authentication(error),
            (None, _) => kind,
        }
    }

    /// Sends a line, given without its CRLF, for which it has room.
    fn secret_line(&mut self, mut line: Zeroizing<Vec<u8>>) {
        if self.write_closed {
            // It never leaves, so that nothing can be an answer to it.
            self.pipeline.push(Expected::Auth, u64::MAX, 0);
            return;
        }
        line.extend_from_slice(b"\r\n");
        let octets = line.len();
        self.out.secret(line);
        self.expect(Expected::Auth, octets);
    }
}

impl Exchange {
    /// What to say to a challenge.
    fn response(&mut self, challenge: &[u8]) -> Result<Secret, AuthenticationError> {
        let mechanism = || self.name.clone();
        self.rounds += 1;
        if self.rounds > self.authentication.max_rounds {
            return Err(AuthenticationError::TooManyRounds {
                mechanism: mechanism(),
            });
        }
        let response = match self.held_back.take() {
            Some(initial) => initial,
            None => match self.mechanism.respond(Challenge::new(challenge)) {
                Ok(response) => response,
                Err(error) => return Err(self.failed(error)),
            },
        };
        if encoded_len(&response) + "\r\n".len() > MAX_RESPONSE_LINE {
            return Err(AuthenticationError::TooLong {
                mechanism: mechanism(),
            });
        }
        Ok(response)
    }

    fn failed(&self, error: sasl::Error) -> AuthenticationError {
        AuthenticationError::Mechanism {
            mechanism: self.name.clone(),
            error,
        }
    }
}

/// In base64, with room for a CRLF, so that no copy is left behind when that is
/// appended.
fn encode(octets: &Secret) -> Zeroizing<Vec<u8>> {
    let length = encoded_len(octets);
    let mut encoded = Zeroizing::new(Vec::with_capacity(length + "\r\n".len()));
    encoded.resize(length, 0);
    // The length is right: this cannot fail.
    let _ = STANDARD.encode_slice(octets.expose(), &mut encoded);
    encoded
}

fn encoded_len(octets: &Secret) -> usize {
    octets.expose().len().div_ceil(3).saturating_mul(4)
}
