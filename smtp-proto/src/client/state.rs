//! The client's state machine, as data.
//!
//! Every step of a session is a row of [`TABLE`], and a step that has no row
//! does not happen. The rows know nothing of octets or time.

use alloc::string::String;
use core::fmt::Write;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// Waits for the greeting.
    Greeting,
    /// EHLO was sent.
    Ehlo,
    /// HELO was sent.
    Helo,
    /// No transaction is open, and nothing is unanswered.
    Ready,
    /// MAIL, RCPT and DATA are being sent and answered.
    Envelope,
    /// The server waits for content.
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

/// What makes a session step from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    /// The server says yes.
    Accepted,
    /// The server does not know EHLO.
    UnknownCommand,
    /// The server says no, for good.
    Refused,
    /// A transaction begins.
    Mail,
    /// 354, and somebody is to get the content.
    GoAhead,
    /// 354, and nobody is: a lone dot ends it.
    NobodyToSendTo,
    /// The transaction ended before its content, and the server has forgotten
    /// it.
    Over,
    /// The transaction ended before its content, and the server has not
    /// forgotten it.
    Unfinished,
    /// The content has been given in full.
    EndOfContent,
    /// The reply to the end of the content, whatever it is.
    Answered,
    /// Another command.
    Command,
    /// QUIT.
    Quit,
    /// 421, end of file, time-out, or a peer that does not follow the protocol.
    Lost,
}

const TABLE: &[(State, Input, State)] = &[
    (State::Greeting, Input::Accepted, State::Ehlo),
    (State::Greeting, Input::Refused, State::Closed),
    (State::Ehlo, Input::Accepted, State::Ready),
    (State::Ehlo, Input::UnknownCommand, State::Helo),
    (State::Ehlo, Input::Refused, State::Closed),
    (State::Helo, Input::Accepted, State::Ready),
    (State::Helo, Input::Refused, State::Closed),
    (State::Ready, Input::Mail, State::Envelope),
    (State::Ready, Input::Command, State::Request),
    (State::Ready, Input::Quit, State::Quit),
    (State::Envelope, Input::GoAhead, State::Content),
    (State::Envelope, Input::NobodyToSendTo, State::EndOfData),
    (State::Envelope, Input::Over, State::Ready),
    (State::Envelope, Input::Unfinished, State::Reset),
    (State::Content, Input::EndOfContent, State::EndOfData),
    (State::Content, Input::Refused, State::Closed),
    (State::EndOfData, Input::Answered, State::Ready),
    (State::EndOfData, Input::Refused, State::Closed),
    (State::Reset, Input::Accepted, State::Ready),
    (State::Reset, Input::Refused, State::Closed),
    (State::Request, Input::Answered, State::Ready),
    (State::Quit, Input::Answered, State::Closed),
    (State::Greeting, Input::Lost, State::Closed),
    (State::Ehlo, Input::Lost, State::Closed),
    (State::Helo, Input::Lost, State::Closed),
    (State::Ready, Input::Lost, State::Closed),
    (State::Envelope, Input::Lost, State::Closed),
    (State::Content, Input::Lost, State::Closed),
    (State::EndOfData, Input::Lost, State::Closed),
    (State::Reset, Input::Lost, State::Closed),
    (State::Request, Input::Lost, State::Closed),
    (State::Quit, Input::Lost, State::Closed),
];

/// Where `input` leads from `state`, if it may happen there.
pub(super) fn next(state: State, input: Input) -> Option<State> {
    TABLE
        .iter()
        .find(|(from, with, _)| (*from, *with) == (state, input))
        .map(|&(_, _, to)| to)
}

/// The machine as a Mermaid state diagram, written out of the table that the
/// session runs on. `Lost` leads from every state to the end, and is left out.
#[must_use]
pub fn state_diagram() -> String {
    let mut diagram = String::from("stateDiagram-v2\n    [*] --> Greeting\n");
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
        let mut reached = HashSet::from([State::Greeting]);
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
        for state in [
            State::Envelope,
            State::Content,
            State::EndOfData,
            State::Reset,
        ] {
            assert_eq!(next(state, Input::Mail), None);
        }
    }

    #[test]
    fn c_013_c_157_nothing_before_the_hello_is_answered() {
        for state in [State::Greeting, State::Ehlo, State::Helo] {
            for input in [Input::Mail, Input::Command, Input::Quit] {
                assert_eq!(next(state, input), None);
            }
        }
    }
}
