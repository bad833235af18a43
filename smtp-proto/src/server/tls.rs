//! The way into TLS (RFC 3207, RFC 8314).

use super::{
    dialogue::Dialogue,
    event::Discarded,
    reply::{self, Fixed},
    state::{State, Trigger},
};
use crate::{TlsInfo, TlsPolicy};

impl Dialogue {
    pub(super) const fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// Whether nothing may be said in clear any more, and nothing under TLS yet.
    pub(super) const fn is_securing(&self) -> bool {
        matches!(self.state(), State::Securing | State::Handshake)
    }

    /// Whether most commands have to wait until the connection is secured.
    pub(super) fn must_be_secured(&self) -> bool {
        self.config.tls == TlsPolicy::Required && self.tls.is_none()
    }

    /// Why there can be no `STARTTLS` any more on this connection, or at all.
    pub(super) fn starttls_refusal(&self) -> Option<Fixed> {
        match self.config.tls {
            TlsPolicy::None => Some(reply::NOT_IMPLEMENTED),
            _ if self.tls.is_some() => Some(reply::TLS_ACTIVE),
            _ => self.identity.is_some().then_some(reply::AUTHENTICATED),
        }
    }

    /// Answers STARTTLS. What came behind it in clear may have been put there by
    /// somebody else, to be taken for part of what TLS protects: it is not
    /// looked at, and nothing after it.
    pub(super) fn answer_starttls(&mut self, followed: bool) {
        if followed {
            self.say(&reply::EARLY_INPUT);
            self.move_on(Trigger::Abort, Discarded::EndOfInput);
        } else {
            self.say(&reply::READY_FOR_TLS);
        }
    }

    /// What is said from now on is protected. All that was known is forgotten,
    /// and the client has to say hello again (RFC 3207 section 4.2).
    pub(super) fn secure(&mut self, tls: TlsInfo) {
        self.tls = Some(tls);
        self.hello = None;
        let trigger = if self.turned_away {
            Trigger::TurnAway
        } else {
            Trigger::Secured
        };
        self.move_on(trigger, Discarded::Hello);
        if !self.greeted {
            self.say_greeting();
        }
    }

    /// Ends the session without a word: between the 220 and the end of the
    /// handshake there is no way to say one.
    pub(super) fn hang_up(&mut self, why: Discarded) {
        self.output.clear();
        self.move_on(Trigger::Abort, why);
    }
}
