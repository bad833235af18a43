//! A session of a receiver, and its driver.

use smtp_proto::server::{Session, State};

use crate::{
    agenda::{Around, Time, What},
    channel::{Channel, Handshake},
    ledger::refused,
    network::{Read, Side, Written},
    world::tls_info,
};

/// How much more than [`Session::OUTPUT_CAP`] may wait: the longest reply.
const REPLY_LEN: u64 = 2048;

/// A session, and what the application knows of it.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) channel: Channel,
    pub(crate) session: Session,
    pub(crate) thinks: Thinks,
    /// The transaction.
    pub(crate) open: Option<Open>,
    pub(crate) content: Vec<u8>,
    timer: Option<Time>,
    write_closed: bool,
    /// The end of the input was handed over.
    has_ended: bool,
}

/// A transaction, as far as it was accepted.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) attempt: usize,
    pub(crate) recipients: Vec<String>,
}

/// What the application is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thinks {
    No,
    Until(Time),
    /// It knows what to answer to the question that is open.
    Enough,
    /// The message is being written to the disk.
    Disk,
    /// It was, under this number.
    Stored(usize),
}

impl Guest {
    pub(crate) const fn new(name: String, channel: Channel, session: Session) -> Self {
        Self {
            name,
            channel,
            session,
            thinks: Thinks::No,
            open: None,
            content: Vec::new(),
            timer: None,
            write_closed: false,
            has_ended: false,
        }
    }

    /// Whether a question waits for what the application does not know yet.
    pub(crate) fn is_thinking(&mut self, around: &Around) -> bool {
        match self.thinks {
            Thinks::Until(time) if time <= around.now => {
                self.thinks = Thinks::Enough;
                false
            }
            // The question may be gone with the session.
            Thinks::Until(_) | Thinks::Disk => self.session.state() != State::Closing,
            _ => false,
        }
    }

    /// What to say when the content that comes in is refused.
    pub(crate) fn refused_content(&self) -> String {
        let attempt = self.open.as_ref().map(|open| open.attempt);
        refused(attempt.unwrap_or(usize::MAX), "content")
    }

    pub(crate) fn go_on_with_handshake(&mut self, around: &mut Around) -> bool {
        // Unless its time is over.
        if !self.channel.is_in_handshake() || self.session.state() != State::Handshake {
            return false;
        }
        let now = around.instant();
        match self.channel.step(around) {
            Handshake::Pending => return false,
            Handshake::Established => self.session.handle_tls_established(tls_info(), now),
            Handshake::Failed => self.session.handle_tls_failed(now),
        }
        true
    }

    pub(crate) fn heed_deadline(&mut self, around: &mut Around) -> bool {
        let now = around.instant();
        let is_due = self.session.poll_timeout().is_some_and(|at| at <= now);
        if is_due {
            around.seen.count("a time-out of a server");
            self.session.handle_timeout(now);
        }
        is_due
    }

    pub(crate) fn write(&mut self, around: &mut Around) -> bool {
        let Some(out) = self.session.poll_transmit() else {
            return false;
        };
        let waits = out.octets();
        around
            .ledger
            .claim(waits <= Session::OUTPUT_CAP + REPLY_LEN, || {
                format!("{waits} octets of replies")
            });
        let octets = out.slices().collect::<Vec<_>>().concat();
        let now = around.instant();
        match self.channel.write(around, &octets) {
            Written::Taken(n) => {
                self.session.handle_transmitted(n, now);
                true
            }
            Written::Full => false,
            Written::Broken => {
                self.session.handle_write_closed(now);
                !std::mem::replace(&mut self.write_closed, true)
            }
        }
    }

    pub(crate) fn read(&mut self, around: &mut Around) -> bool {
        if !self.session.wants_input() || self.channel.is_in_handshake() || self.has_ended {
            return false;
        }
        let read = self.channel.read(around);
        let now = around.instant();
        match read {
            Read::Octets(octets) => self.session.handle_input(&octets, now),
            Read::Nothing => return false,
            Read::End | Read::Reset => {
                self.has_ended = true;
                self.session.handle_input(&[], now);
            }
        }
        true
    }

    pub(crate) fn set_timer(&mut self, around: &mut Around) {
        let what = What::Timer(self.channel.id, Side::Server);
        let deadline = self.session.poll_timeout();
        around.set_timer(&mut self.timer, deadline, what);
    }
}
