//! Reading on: commands, responses, content and chunks, until there is something
//! to tell.

use super::{
    chunk::is_bdat,
    command::TLS_HANDSHAKE,
    content::Piece,
    event::Discarded,
    exchange,
    question::Asked,
    reply,
    session::Session,
    state::{State, Trigger},
};
use crate::wire::Framed;

/// What [`Session::next`] found: an event, without what it borrows.
pub(super) enum Next {
    Asked,
    Received(usize),
    Made(&'static [u8]),
    StartTls,
    Discarded(Discarded),
    Closed,
}

impl Session {
    /// Reads on until there is an event, without borrowing anything for it.
    pub(super) fn next(&mut self) -> Option<Next> {
        self.input.release();
        if self.dialogue.take_answered() {
            self.asked = None;
            self.clock.mark_stale();
        }
        loop {
            if let Some(why) = self.dialogue.take_discarded() {
                return Some(Next::Discarded(why));
            }
            if self.asked.is_some() {
                return Some(Next::Asked);
            }
            let found = match self.state() {
                State::Closed => return None,
                State::Closing => return self.close(),
                State::Securing => return self.start_tls(),
                State::Handshake => return None,
                _ if self.dialogue.has_chunk() => self.read_chunk()?,
                State::Content => self.read_content()?,
                _ => {
                    self.read_command()?;
                    None
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }

    fn close(&mut self) -> Option<Next> {
        self.input.clear();
        if self.dialogue.output.pending() > 0 {
            return None;
        }
        self.dialogue.move_on(Trigger::Sent, Discarded::Quit);
        Some(Next::Closed)
    }

    /// Asks for the handshake once all that is in clear has left.
    fn start_tls(&mut self) -> Option<Next> {
        if self.dialogue.output.pending() > 0 {
            return None;
        }
        self.dialogue.move_on(Trigger::Sent, Discarded::Hello);
        Some(Next::StartTls)
    }

    /// Deals with one command, or one response in an exchange. `None` if there is
    /// none to deal with now.
    fn read_command(&mut self) -> Option<()> {
        if self.shutdown {
            self.dialogue.abort(reply::SHUTDOWN, Discarded::Shutdown);
            return Some(());
        }
        if self.dialogue.output.pending() >= Self::OUTPUT_CAP {
            return None;
        }
        let unread = self.input.unread();
        if self.dialogue.commands() == 0 && unread.first() == Some(&TLS_HANDSHAKE) {
            self.dialogue
                .abort(reply::NOT_TLS, Discarded::TooManyErrors);
            return Some(());
        }
        let in_exchange = self.state() == State::Authenticating;
        // Asked before the line is dealt with, which may be the last that is.
        // An AUTH that is refused may have a password, too.
        let may_be_secret = self.expects_secrets() || exchange::is_auth(verb(unread));
        let (framed, length) = self.framer.frame(unread);
        let is_bdat = || self.overlong_bdat.unwrap_or_else(|| is_bdat(unread));
        let dealt_with = match framed {
            Framed::Line(line) if in_exchange => {
                self.asked = self.dialogue.response(line);
                Some(())
            }
            Framed::Line(line) => {
                self.asked = self.dialogue.command(line);
                Some(())
            }
            Framed::TooLong if in_exchange => {
                self.overlong_bdat = None;
                self.dialogue.overlong_response();
                Some(())
            }
            Framed::TooLong => {
                self.dialogue.overlong_line(is_bdat());
                self.overlong_bdat = None;
                Some(())
            }
            Framed::Partial => {
                if length > 0 {
                    self.overlong_bdat = Some(is_bdat());
                }
                None
            }
        };
        if may_be_secret {
            self.input.wipe(length);
        } else {
            self.input.advance(length);
        }
        if self.state() == State::Authenticating {
            self.input.reserve(exchange::MAX_LINE);
        }
        if self.state() == State::Securing {
            let followed = !self.input.unread().is_empty();
            self.dialogue.answer_starttls(followed);
        }
        dealt_with.or_else(|| self.end_of_input())
    }

    /// Reads content up to the next thing to tell. `None` if there is no more
    /// of it now.
    fn read_content(&mut self) -> Option<Option<Next>> {
        let (dropped, piece) = self.dialogue.content.next(self.input.unread());
        self.input.advance(dropped);
        match piece {
            None => {
                self.end_of_input()?;
                Some(None)
            }
            Some(Piece::Received(length)) => Some(Some(Next::Received(length))),
            Some(Piece::Made(octets)) => Some(Some(Next::Made(octets))),
            Some(Piece::Fault(why)) => {
                self.dialogue.discard(why);
                Some(None)
            }
            Some(end @ (Piece::End | Piece::Endless)) => {
                let octets = self.dialogue.content.octets();
                self.dialogue.transcript.content(octets);
                match self.dialogue.content.fault().cloned() {
                    Some(fault) => {
                        self.dialogue.end_content(&fault);
                        if fault.closes() || end == Piece::Endless {
                            self.dialogue.move_on(Trigger::Abort, Discarded::Shutdown);
                        }
                    }
                    None => self.asked = Some(Asked::Message),
                }
                Some(None)
            }
        }
    }

    /// Reads on in a chunk up to the next thing to tell. `None` if there is no
    /// more of it now.
    fn read_chunk(&mut self) -> Option<Option<Next>> {
        let (dropped, piece) = self.dialogue.next_of_chunk(self.input.unread());
        self.input.advance(dropped);
        match piece {
            None if dropped > 0 => {}
            None => self.end_of_input()?,
            Some(Piece::Received(length)) => return Some(Some(Next::Received(length))),
            Some(Piece::Made(octets)) => return Some(Some(Next::Made(octets))),
            Some(Piece::Fault(why)) => self.dialogue.discard(why),
            Some(Piece::End) => self.asked = self.dialogue.end_chunk(),
            Some(Piece::Endless) => {
                self.dialogue.end_chunk();
                self.dialogue.move_on(Trigger::Abort, Discarded::Shutdown);
            }
        }
        Some(None)
    }

    /// All that has come was dealt with. If nothing more will come, this is the
    /// end; otherwise `None`.
    fn end_of_input(&mut self) -> Option<()> {
        self.input.has_ended().then(|| {
            self.dialogue.move_on(Trigger::Abort, Discarded::EndOfInput);
        })
    }
}

/// What stands in front of the first argument, with the octet behind it.
fn verb(line: &[u8]) -> &[u8] {
    line.get(..5).unwrap_or(line)
}
