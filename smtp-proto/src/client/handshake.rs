//! TLS: what comes before it, and what has to be forgotten after it.

use super::{
    event::Event,
    pipeline::Expected,
    session::Session,
    state::{Input, State},
};
use crate::{TlsInfo, types::Capabilities, wire::ReplyParser};

impl Session {
    pub(super) const fn is_in_handshake(&self) -> bool {
        matches!(self.state, State::FirstHandshake | State::Handshake)
    }

    /// The next thing on the wire is TLS.
    pub(super) fn await_handshake(&mut self) {
        self.pipeline.push(Expected::Handshake, 0, 0);
        self.start_wait();
        self.wait_started_is_stale = false;
        self.events.push_back(Event::StartTls);
    }

    /// TLS is active. Nothing that was learnt in clear can be relied on.
    pub(super) fn begin_secured(&mut self, info: TlsInfo) {
        self.tls = Some(info);
        self.capabilities = Capabilities::default();
        self.greeting = None;
        self.authenticated = None;
        self.tainted = false;
        self.parser = ReplyParser::new(self.config.reply_limits);
        self.pipeline.pop();
        self.start_wait();
        self.advance(Input::Established);
        if self.state == State::Greeting {
            self.pipeline.push(Expected::Greeting, 0, 0);
        } else {
            self.say_hello();
        }
    }
}
