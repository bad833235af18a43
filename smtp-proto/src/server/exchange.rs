//! AUTH, and the exchange that follows it (RFC 4954 section 4).

use alloc::string::{String, ToString};

use base64::{Engine, engine::general_purpose::STANDARD};
use memchr::memchr2;

use super::{
    dialogue::Dialogue,
    event::Discarded,
    question::Asked,
    reply::{self, Fixed, Rejection, Say},
    state::{State, Trigger},
};
use crate::{
    sasl::{Claim, Decoy, Exchange, Failure, Nonces, ServerMechanism, Setting, Step, Verdict},
    types::{Reply, Secret},
};

/// The longest AUTH command, and the longest line of an exchange, in octets with
/// its CRLF (RFC 4954 section 4).
pub(super) const MAX_LINE: usize = 12_288;

/// The most challenges of one exchange. No mechanism has more than 3.
const MAX_CHALLENGES: u8 = 8;

/// Who a client has proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    mechanism: ServerMechanism,
    authentication: String,
    authorization: Option<String>,
}

impl Identity {
    /// The mechanism that proved it.
    #[must_use]
    pub fn mechanism(&self) -> ServerMechanism {
        self.mechanism
    }

    /// Whose password, token or certificate it was.
    #[must_use]
    pub fn authentication(&self) -> &str {
        &self.authentication
    }

    /// For whom the client acts: itself, unless it has named somebody else, and
    /// the application allowed it.
    #[must_use]
    pub fn authorization(&self) -> &str {
        self.authorization
            .as_deref()
            .unwrap_or(&self.authentication)
    }
}

/// An exchange that is going on.
#[derive(Debug)]
pub(super) struct Progress {
    mechanism: ServerMechanism,
    exchange: Exchange,
    challenges: u8,
    /// How the application has refused; what the mechanism has to say about it
    /// comes first.
    rejection: Option<Rejection>,
    identity: Option<Identity>,
}

/// Whether a line is an AUTH command, good or bad.
pub(super) fn is_auth(line: &[u8]) -> bool {
    let (verb, rest) = line.split_at_checked(4).unwrap_or((line, b""));
    verb.eq_ignore_ascii_case(b"AUTH") && matches!(rest.first(), None | Some(b' '))
}

impl Dialogue {
    /// Who the client has proved to be.
    pub(super) const fn authenticated(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Whether most commands have to wait until it has.
    pub(super) fn must_authenticate(&self) -> bool {
        let offered = self.config.authentication.as_ref();
        self.identity.is_none() && offered.is_some_and(|offered| offered.required)
    }

    /// The mechanisms that EHLO lists on this connection.
    pub(super) fn offered_mechanisms(&self) -> impl Iterator<Item = ServerMechanism> {
        // Where everything is refused before TLS, AUTH is, too.
        let offered = self.config.authentication.iter();
        let offered = offered.filter(|_| !self.must_be_secured());
        offered.flat_map(|offered| offered.offered(self.tls(), self.nonces.is_some()))
    }

    /// Deals with an AUTH command.
    pub(super) fn auth(&mut self, line: &[u8]) -> Option<Asked> {
        self.behind_auth = true;
        match self.begin(line) {
            Ok(step) => self.take_step(step),
            Err(reply) => {
                self.fail(reply);
                None
            }
        }
    }

    fn begin(&mut self, line: &[u8]) -> Result<Step, Fixed> {
        if memchr2(b'\r', b'\n', line).is_some() {
            return Err(reply::BROKEN_LINE);
        }
        let mechanism = self.check_auth(line)?;
        let mut words = words(line).skip(2);
        let initial = words.next().map(decode_initial).transpose()?;
        if words.next().is_some() {
            return Err(reply::BAD_ARGUMENT);
        }
        let host = self.config.host.to_string();
        let mut exchange =
            Exchange::new(mechanism, self.setting(&host)).ok_or(reply::UNKNOWN_MECHANISM)?;
        let step = exchange.start(initial.as_ref().map(Secret::expose));
        self.progress = Some(Progress {
            mechanism,
            exchange,
            challenges: 0,
            rejection: None,
            identity: None,
        });
        self.move_on(Trigger::Auth, Discarded::Reset);
        Ok(step)
    }

    /// The mechanism, if there may be an exchange now.
    fn check_auth(&self, line: &[u8]) -> Result<ServerMechanism, Fixed> {
        if self.state() == State::Refused {
            return Err(reply::NO_SERVICE);
        }
        if self.must_be_secured() {
            return Err(reply::NEEDS_STARTTLS);
        }
        let Some(offered) = self.config.authentication.as_ref() else {
            return Err(reply::NOT_IMPLEMENTED);
        };
        if self.identity.is_some() {
            return Err(reply::AUTHENTICATED);
        }
        if !self.is_extended() {
            return Err(reply::NO_HELLO);
        }
        if self.state().after(Trigger::Auth).is_none() {
            return Err(reply::NESTED_MAIL);
        }
        let name = words(line).nth(1).ok_or(reply::BAD_ARGUMENT)?;
        let mechanism = named(name).ok_or(reply::UNKNOWN_MECHANISM)?;
        if offered.forbids_in_clear(mechanism, self.tls()) {
            return Err(reply::NEEDS_ENCRYPTION);
        }
        if !self.offered_mechanisms().any(|other| other == mechanism) {
            return Err(reply::UNKNOWN_MECHANISM);
        }
        Ok(mechanism)
    }

    fn setting<'a>(&'a mut self, host: &'a str) -> Setting<'a> {
        let plus_offered = self.offered_mechanisms().any(ServerMechanism::binds);
        let nonce = self.nonces.as_mut().and_then(Nonces::next);
        let own = self.config.authentication.as_ref();
        let (key, iterations) = match own.and_then(|offered| offered.decoy.clone()) {
            Some((key, iterations)) => (key, Some(iterations)),
            None => (
                self.nonces
                    .as_ref()
                    .map(Nonces::decoy_key)
                    .unwrap_or_default(),
                None,
            ),
        };
        Setting {
            tls: self.tls.as_ref(),
            plus_offered,
            nonce,
            host,
            decoy: Decoy { key, iterations },
        }
    }

    /// Deals with a line of the client's within an exchange. Whatever it looks
    /// like, it is no command.
    pub(super) fn response(&mut self, line: &[u8]) -> Option<Asked> {
        self.count_command();
        if line == b"*" {
            self.transcript.command(line);
            self.give_up(&reply::CANCELLED);
            return None;
        }
        self.transcript.masked();
        let step = match (decode(line), self.progress.as_mut()) {
            (Ok(response), Some(progress)) => progress.exchange.respond(response.expose()),
            _ => {
                self.give_up(&reply::NOT_BASE64);
                return None;
            }
        };
        self.take_step(step)
    }

    /// A line of an exchange was longer than any mechanism needs.
    pub(super) fn overlong_response(&mut self) {
        self.count_command();
        self.give_up(&reply::RESPONSE_TOO_LONG);
    }

    /// The application has answered, and perhaps said who it is.
    pub(super) fn decide_on(&mut self, verdict: &Verdict) {
        self.answered = true;
        let Some(progress) = self.progress.as_mut() else {
            return;
        };
        if let (Some(identity), Verdict::AcceptAs(name)) = (&mut progress.identity, verdict) {
            identity.authentication.clone_from(name);
        }
        let step = progress.exchange.answer(verdict);
        self.take_step(step);
    }

    /// The application refuses, in words of its own.
    pub(super) fn reject_claim(&mut self, rejection: &Rejection) {
        if let Some(progress) = self.progress.as_mut() {
            progress.rejection = Some(rejection.clone());
        }
        self.decide_on(&Verdict::Refuse);
    }

    /// The claim that the application is asked about.
    pub(super) fn claim(&self) -> Option<&Claim> {
        self.progress.as_ref()?.exchange.claim()
    }

    /// Does what the mechanism says. Returns what to ask.
    fn take_step(&mut self, step: Step) -> Option<Asked> {
        match step {
            Step::Ask => return self.take_claim(),
            Step::Challenge(challenge) => self.challenge(&challenge),
            Step::Accepted => {
                self.identity = self.progress.take().and_then(|progress| progress.identity);
                self.say(&reply::AUTHENTICATION_SUCCEEDED);
                self.move_on(Trigger::EndOfExchange, Discarded::Reset);
            }
            Step::Failed(failure) => {
                let rejection = self.progress.take().and_then(|progress| progress.rejection);
                match rejection {
                    Some(rejection) if rejection.closes() => self.refuse(&rejection),
                    Some(rejection) => self.give_up(&rejection),
                    None => self.give_up(&reply_to(failure)),
                }
            }
        }
        None
    }

    /// Remembers who the client will be, if the claim is right.
    fn take_claim(&mut self) -> Option<Asked> {
        let progress = self.progress.as_mut()?;
        let claim = progress.exchange.claim()?;
        progress.identity = Some(Identity {
            mechanism: progress.mechanism,
            authentication: claim.authentication_identity().into(),
            authorization: claim.authorization_identity().map(Into::into),
        });
        Some(Asked::Authenticate)
    }

    fn challenge(&mut self, challenge: &[u8]) {
        if let Some(progress) = self.progress.as_mut() {
            progress.challenges += 1;
            if progress.challenges > MAX_CHALLENGES {
                return self.give_up(&Rejection::bad_credentials());
            }
        }
        // No reply of the usual form, which would be split where it is long.
        self.output.extend(b"334 ");
        self.output.extend(STANDARD.encode(challenge).as_bytes());
        self.output.extend(b"\r\n");
        self.transcript.reply(&reply::CHALLENGE.reply());
    }

    /// The exchange is over, and has come to nothing.
    fn give_up(&mut self, what: &impl Say) {
        self.say(what);
        self.move_on(Trigger::EndOfExchange, Discarded::Reset);
        self.failed_attempts += 1;
        let max = self
            .config
            .authentication
            .as_ref()
            .map(|offered| offered.max_attempts);
        if max.is_some_and(|max| self.failed_attempts >= max) {
            self.abort(reply::TOO_MANY_ATTEMPTS, Discarded::TooManyErrors);
        }
    }
}

fn reply_to(failure: Failure) -> Reply {
    match failure {
        Failure::Credentials => Rejection::bad_credentials().reply(),
        Failure::Temporary => Rejection::authentication_unavailable().reply(),
        Failure::Syntax => reply::BAD_RESPONSE.reply(),
        Failure::InitialResponse => reply::NO_INITIAL_RESPONSE.reply(),
    }
}

fn named(name: &[u8]) -> Option<ServerMechanism> {
    core::str::from_utf8(name)
        .ok()
        .and_then(ServerMechanism::named)
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.trim_ascii_end()
        .split(|&b| b == b' ')
        .filter(|word| !word.is_empty())
}

/// An initial response, of which `=` is the empty one.
fn decode_initial(text: &[u8]) -> Result<Secret, Fixed> {
    decode(if text == b"=" { b"" } else { text })
}

fn decode(text: &[u8]) -> Result<Secret, Fixed> {
    STANDARD
        .decode(text)
        .map(Secret::from)
        .map_err(|_| reply::NOT_BASE64)
}
