//! The client's state machine, as data.
//!
//! Every step of a session is a row of [`TABLE`], and a step that has no row
//! does not happen. The rows know nothing of octets or time.
//!
//! A state says what may be sent next. Across transactions the replies that come
//! may be about an earlier one, and then lead nowhere: what has been sent goes on
//! from where it is.

use alloc::string::String;
use core::fmt::Write;

use super::error::Phase;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// TLS is to be established before anything is said.
    FirstHandshake,
    /// Waits for the greeting.
    Greeting,
    /// EHLO was sent.
    Ehlo,
    /// HELO was sent.
    Helo,
    /// STARTTLS was sent.
    StartTls,
    /// TLS is to be established, and the session begun anew.
    Handshake,
    /// AUTH was sent, or a response to a challenge.
    Auth,
    /// No transaction is open, and nothing is unanswered.
    Ready,
    /// MAIL, RCPT and DATA are being sent and answered.
    Envelope,
    /// Content is being sent: the server has asked for it, or it goes in chunks.
    Content,
    /// The content has ended, and its reply has not come.
    EndOfData,
    /// RSET was sent.
    Reset,
    /// Another command was sent: VRFY, NOOP, ...
    Request,
    /// QUIT was sent.
    Quit,
    /// The end.
    Closed,
}

impl State {
    /// What is going on here while nothing is unanswered.
    pub(super) const fn phase(self) -> Phase {
        match self {
            Self::FirstHandshake | Self::Handshake => Phase::Handshake,
            Self::Greeting => Phase::Greeting,
            Self::Ehlo => Phase::Ehlo,
            Self::Helo => Phase::Helo,
            Self::StartTls => Phase::StartTls,
            Self::Auth => Phase::Auth,
            _ => Phase::Idle,
        }
    }
}

/// What makes a session step from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    /// The server says yes.
    Accepted,
    /// The server does not know EHLO.
    UnknownCommand,
    /// STARTTLS is to be sent.
    StartTls,
    /// TLS has been established.
    Established,
    /// AUTH is to be sent.
    Auth,
    /// Authentication has changed what the server offers.
    HelloAgain,
    /// The server says no, for good.
    Refused,
    /// A transaction begins.
    Mail,
    /// Content may be sent: 354, and somebody is to get it, or BDAT.
    GoAhead,
    /// 354, and nobody is: a lone dot ends it.
    NobodyToSendTo,
    /// The transaction ended before its content did, and the server has
    /// forgotten it, or will with QUIT.
    Over,
    /// The transaction ended before its content did, or was refused in chunks,
    /// and the server has not forgotten it.
    Unfinished,
    /// The content has been given in full.
    EndOfContent,
    /// The last reply that was waited for, whatever it is.
    Answered,
    /// Another command.
    Command,
    /// QUIT.
    Quit,
    /// 421, end of file, time-out, or a peer that does not follow the protocol.
    Lost,
}

const TABLE: &[(State, Input, State)] = &[
    (State::FirstHandshake, Input::Established, State::Greeting),
    (State::Greeting, Input::Accepted, State::Ehlo),
    (State::Greeting, Input::Refused, State::Closed),
    (State::Ehlo, Input::Accepted, State::Ready),
    (State::Ehlo, Input::UnknownCommand, State::Helo),
    (State::Ehlo, Input::StartTls, State::StartTls),
    (State::Ehlo, Input::Auth, State::Auth),
    (State::Ehlo, Input::Refused, State::Closed),
    (State::Helo, Input::Accepted, State::Ready),
    (State::Helo, Input::Refused, State::Closed),
    (State::StartTls, Input::Accepted, State::Handshake),
    // Refused, and not required: on in clear.
    (State::StartTls, Input::Answered, State::Ready),
    (State::StartTls, Input::Auth, State::Auth),
    (State::StartTls, Input::Refused, State::Closed),
    (State::Handshake, Input::Established, State::Ehlo),
    (State::Auth, Input::Accepted, State::Ready),
    // Refused: by another mechanism, or not at all.
    (State::Auth, Input::Auth, State::Auth),
    (State::Auth, Input::Answered, State::Ready),
    (State::Auth, Input::HelloAgain, State::Ehlo),
    (State::Auth, Input::Refused, State::Closed),
    (State::Ready, Input::Auth, State::Auth),
    (State::Ready, Input::Mail, State::Envelope),
    (State::Ready, Input::Command, State::Request),
    (State::Ready, Input::Quit, State::Quit),
    (State::Envelope, Input::GoAhead, State::Content),
    (State::Envelope, Input::NobodyToSendTo, State::EndOfData),
    (State::Envelope, Input::Over, State::Ready),
    (State::Envelope, Input::Unfinished, State::Reset),
    (State::Content, Input::EndOfContent, State::EndOfData),
    (State::Content, Input::Refused, State::Closed),
    // Only in chunks: there is no other way out of content.
    (State::Content, Input::Unfinished, State::Reset),
    (State::Content, Input::Over, State::Ready),
    (State::EndOfData, Input::Unfinished, State::Reset),
    // In one group with the end of the content.
    (State::EndOfData, Input::Mail, State::Envelope),
    (State::EndOfData, Input::Quit, State::Quit),
    (State::EndOfData, Input::Answered, State::Ready),
    (State::EndOfData, Input::Refused, State::Closed),
    (State::Reset, Input::Accepted, State::Ready),
    (State::Reset, Input::Refused, State::Closed),
    (State::Request, Input::Answered, State::Ready),
    (State::Quit, Input::Answered, State::Closed),
    (State::FirstHandshake, Input::Lost, State::Closed),
    (State::Greeting, Input::Lost, State::Closed),
    (State::Ehlo, Input::Lost, State::Closed),
    (State::Helo, Input::Lost, State::Closed),
    (State::StartTls, Input::Lost, State::Closed),
    (State::Handshake, Input::Lost, State::Closed),
    (State::Auth, Input::Lost, State::Closed),
    (State::Ready, Input::Lost, State::Closed),
    (State::Envelope, Input::Lost, State::Closed),
    (State::Content, Input::Lost, State::Closed),
    (State::EndOfData, Input::Lost, State::Closed),
    (State::Reset, Input::Lost, State::Closed),
    (State::Request, Input::Lost, State::Closed),
    (State::Quit, Input::Lost, State::Closed),
];

const STATES: usize = State::Closed as usize + 1;
const INPUTS: usize = Input::Lost as usize + 1;

/// [`TABLE`], by state and input: it is asked several times for each message.
#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const NEXT: [[Option<State>; INPUTS]; STATES] = {
    let mut next = [[None; INPUTS]; STATES];
    let mut rows = TABLE;
    while let [(from, with, to), rest @ ..] = rows {
        next[*from as usize][*with as usize] = Some(*to);
        rows = rest;
    }
    next
};

/// Where `input` leads from `state`, if it may happen there.
pub(super) fn next(state: State, input: Input) -> Option<State> {
    let row = NEXT.get(state as usize)?;
    row.get(input as usize).copied().flatten()
}

/// The machine as a Mermaid state diagram, written out of the table that the
/// session runs on. `Lost` leads from every state to the end, and is left out.
#[must_use]
pub fn state_diagram() -> String {
    let mut diagram =
        String::from("stateDiagram-v2\n    [*] --> Greeting\n    [*] --> FirstHandshake\n");
    for (from, input, to) in TABLE.iter().filter(|(_, input, _)| *input != Input::Lost) {
        // Writing to a string cannot fail.
        let _ = writeln!(diagram, "    {from:?} --> {to:?}: {input:?}");
    }
    diagram.push_str("    Closed --> [*]\n");
    diagram
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_step_leads_to_one_state() {
        let mut seen = HashSet::new();
        for (from, input, _) in TABLE {
            assert!(seen.insert((from, input)), "{from:?} {input:?}");
        }
    }

    #[test]
    fn c_114_every_state_can_be_lost_and_every_state_can_be_reached() {
        let mut reached = HashSet::from([State::Greeting, State::FirstHandshake]);
        for (_, _, to) in TABLE {
            reached.insert(*to);
        }
        for state in reached {
            if state != State::Closed {
                assert_eq!(next(state, Input::Lost), Some(State::Closed), "{state:?}");
            } else {
                assert!(TABLE.iter().all(|(from, _, _)| *from != state));
            }
        }
    }

    #[test]
    fn c_132_no_transaction_within_a_transaction() {
        for state in [State::Envelope, State::Content, State::Reset] {
            assert_eq!(next(state, Input::Mail), None);
        }
    }

    #[test]
    fn c_013_c_157_nothing_before_the_hello_is_answered() {
        for state in [
            State::FirstHandshake,
            State::Greeting,
            State::Ehlo,
            State::Helo,
            State::StartTls,
            State::Handshake,
            State::Auth,
        ] {
            for input in [Input::Mail, Input::Command, Input::Quit] {
                assert_eq!(next(state, input), None);
            }
        }
    }
}
