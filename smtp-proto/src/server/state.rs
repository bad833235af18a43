//! Which command is legal when, and where it leads: the sequencing rules of RFC
//! 5321 sections 3.1, 3.3 and 4.1.4, as data.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// Where a session stands between two commands, or within the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Greeted with a refusal; all that can be done is to leave.
    Refused,
    /// Greeted, and the client has not said who it is.
    Greeted,
    /// The client said who it is. No transaction is open.
    Ready,
    /// A transaction is open, without a recipient.
    Mail,
    /// A transaction is open, with at least one recipient.
    Recipients,
    /// Content comes in, and no commands, or it has come and its fate is open.
    Content,
    /// Content has come in chunks (BDAT), and more is to follow.
    Chunks,
    /// A chunk was refused, or BDAT and DATA were mixed: the transaction can only
    /// be given up (RFC 3030 section 2).
    Failed,
    /// An exchange of AUTH is going on: lines are responses, and no commands.
    Authenticating,
    /// TLS comes next, once all that was said in clear has been sent.
    Securing,
    /// The driver performs the handshake of TLS.
    Handshake,
    /// The last reply is on its way out. Input is not looked at any more.
    Closing,
    /// The end.
    Closed,
}

/// What can move a session from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// EHLO or HELO, accepted.
    Hello,
    /// MAIL, accepted.
    Mail,
    /// RCPT, accepted.
    Rcpt,
    /// DATA, accepted.
    Data,
    /// BDAT, accepted.
    Bdat,
    /// The end of a chunk that is not the last.
    EndOfChunk,
    /// The end of the content, with any reply to it.
    EndOfData,
    /// What makes a transaction that cannot be completed any more: see
    /// [`State::Failed`].
    Failure,
    Rset,
    Quit,
    /// AUTH, accepted.
    Auth,
    /// The end of the exchange, whatever came of it.
    EndOfExchange,
    /// STARTTLS, accepted.
    StartTls,
    /// The handshake has succeeded.
    Secured,
    /// It has, and the client is greeted with a refusal.
    TurnAway,
    /// NOOP, HELP, VRFY, EXPN and what is no command at all: each is answered,
    /// and none changes anything.
    Other,
    /// The session comes to its end without QUIT.
    Abort,
    /// The last octet was sent.
    Sent,
}

/// Every legal move. A command that has no row for a state is out of sequence
/// there: 503, and nothing changes.
const TABLE: &[(State, Trigger, State)] = &[
    (State::Refused, Trigger::Quit, State::Closing),
    (State::Refused, Trigger::Abort, State::Closing),
    // RSET, NOOP, HELP, VRFY and EXPN need no hello (RFC 5321 section 4.1.4).
    // Nor does STARTTLS, after which everything begins anew: some clients say it
    // first.
    (State::Greeted, Trigger::Hello, State::Ready),
    (State::Greeted, Trigger::StartTls, State::Securing),
    (State::Greeted, Trigger::Rset, State::Greeted),
    (State::Greeted, Trigger::Other, State::Greeted),
    (State::Greeted, Trigger::Quit, State::Closing),
    (State::Greeted, Trigger::Abort, State::Closing),
    (State::Ready, Trigger::Hello, State::Ready),
    (State::Ready, Trigger::Mail, State::Mail),
    (State::Ready, Trigger::Auth, State::Authenticating),
    (State::Ready, Trigger::StartTls, State::Securing),
    (State::Ready, Trigger::Rset, State::Ready),
    (State::Ready, Trigger::Other, State::Ready),
    (State::Ready, Trigger::Quit, State::Closing),
    (State::Ready, Trigger::Abort, State::Closing),
    (State::Mail, Trigger::Hello, State::Ready),
    (State::Mail, Trigger::Rcpt, State::Recipients),
    (State::Mail, Trigger::Failure, State::Failed),
    (State::Mail, Trigger::Rset, State::Ready),
    (State::Mail, Trigger::Other, State::Mail),
    (State::Mail, Trigger::Quit, State::Closing),
    (State::Mail, Trigger::Abort, State::Closing),
    (State::Recipients, Trigger::Hello, State::Ready),
    (State::Recipients, Trigger::Rcpt, State::Recipients),
    (State::Recipients, Trigger::Data, State::Content),
    (State::Recipients, Trigger::Bdat, State::Content),
    (State::Recipients, Trigger::Failure, State::Failed),
    (State::Recipients, Trigger::Rset, State::Ready),
    (State::Recipients, Trigger::Other, State::Recipients),
    (State::Recipients, Trigger::Quit, State::Closing),
    (State::Recipients, Trigger::Abort, State::Closing),
    (State::Content, Trigger::EndOfData, State::Ready),
    (State::Content, Trigger::EndOfChunk, State::Chunks),
    (State::Content, Trigger::Failure, State::Failed),
    (State::Content, Trigger::Abort, State::Closing),
    (State::Chunks, Trigger::Hello, State::Ready),
    (State::Chunks, Trigger::Bdat, State::Content),
    (State::Chunks, Trigger::Failure, State::Failed),
    (State::Chunks, Trigger::Rset, State::Ready),
    (State::Chunks, Trigger::Other, State::Chunks),
    (State::Chunks, Trigger::Quit, State::Closing),
    (State::Chunks, Trigger::Abort, State::Closing),
    (State::Failed, Trigger::Hello, State::Ready),
    (State::Failed, Trigger::Rset, State::Ready),
    (State::Failed, Trigger::Other, State::Failed),
    (State::Failed, Trigger::Quit, State::Closing),
    (State::Failed, Trigger::Abort, State::Closing),
    (State::Authenticating, Trigger::EndOfExchange, State::Ready),
    (State::Authenticating, Trigger::Abort, State::Closing),
    (State::Securing, Trigger::Sent, State::Handshake),
    (State::Securing, Trigger::Abort, State::Closing),
    // All is as after the greeting, and there is no second one (RFC 3207
    // section 4.2).
    (State::Handshake, Trigger::Secured, State::Greeted),
    (State::Handshake, Trigger::TurnAway, State::Refused),
    (State::Handshake, Trigger::Abort, State::Closing),
    (State::Closing, Trigger::Sent, State::Closed),
];

const STATES: usize = State::Closed as usize + 1;
const TRIGGERS: usize = Trigger::Sent as usize + 1;

/// [`TABLE`], by state and trigger: it is asked several times for each command.
#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const NEXT: [[Option<State>; TRIGGERS]; STATES] = {
    let mut next = [[None; TRIGGERS]; STATES];
    let mut rows = TABLE;
    while let [(from, on, to), rest @ ..] = rows {
        next[*from as usize][*on as usize] = Some(*to);
        rows = rest;
    }
    next
};

impl State {
    /// Where `trigger` leads from here; `None` if it is out of sequence.
    pub(super) fn after(self, trigger: Trigger) -> Option<Self> {
        let row = NEXT.get(self as usize)?;
        row.get(trigger as usize).copied().flatten()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Refused => "Refused",
            Self::Greeted => "Greeted",
            Self::Ready => "Ready",
            Self::Mail => "Mail",
            Self::Recipients => "Recipients",
            Self::Content => "Content",
            Self::Chunks => "Chunks",
            Self::Failed => "Failed",
            Self::Authenticating => "Authenticating",
            Self::Securing => "Securing",
            Self::Handshake => "Handshake",
            Self::Closing => "Closing",
            Self::Closed => "Closed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Trigger {
    const fn name(self) -> &'static str {
        match self {
            Self::Hello => "EHLO",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Bdat => "BDAT",
            Self::EndOfChunk => "end of chunk",
            Self::EndOfData => "end of data",
            Self::Failure => "failure",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
            Self::Auth => "AUTH",
            Self::EndOfExchange => "end of exchange",
            Self::StartTls => "STARTTLS",
            Self::Secured => "secured",
            Self::TurnAway => "turned away",
            Self::Other => "any other",
            Self::Abort => "abort",
            Self::Sent => "sent",
        }
    }
}

/// The table of legal moves as a Mermaid `stateDiagram-v2`, so that a picture
/// of it can be compared with the code.
///
/// `EHLO` stands for HELO too, `any other` for NOOP, HELP, VRFY, EXPN and what
/// is no command, `failure` for a chunk that is refused and DATA where only BDAT
/// may be, `abort` for a 421, a timeout and the end of the input.
#[must_use]
pub fn state_diagram() -> String {
    let mut diagram = String::from(
        "stateDiagram-v2\n    [*] --> Greeted: 220\n    [*] --> Refused: 421, 521, 554\n    \
         [*] --> Securing: TLS first\n",
    );
    let mut drawn: Vec<(State, State)> = Vec::new();
    for &(from, _, to) in TABLE {
        if drawn.contains(&(from, to)) {
            continue;
        }
        drawn.push((from, to));
        let triggers: Vec<&str> = TABLE
            .iter()
            .filter(|row| (row.0, row.2) == (from, to))
            .map(|row| row.1.name())
            .collect();
        // Writing to a string cannot fail.
        let _ = fmt::write(
            &mut diagram,
            format_args!("    {from} --> {to}: {}\n", triggers.join(", ")),
        );
    }
    diagram.push_str("    Closed --> [*]\n");
    diagram
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [State; STATES] = [
        State::Refused,
        State::Greeted,
        State::Ready,
        State::Mail,
        State::Recipients,
        State::Content,
        State::Chunks,
        State::Failed,
        State::Authenticating,
        State::Securing,
        State::Handshake,
        State::Closing,
        State::Closed,
    ];

    /// For each trigger, where it is legal. Written by hand from RFC 5321, by
    /// column where the table goes by row.
    #[test]
    fn legal_commands_by_command() {
        use State::{
            Authenticating, Chunks, Closing, Content, Failed, Greeted, Handshake, Mail, Ready,
            Recipients, Refused, Securing,
        };
        let open = [Greeted, Ready, Mail, Recipients, Chunks, Failed];
        let expected: [(Trigger, &[State]); 18] = [
            (Trigger::Hello, &open),
            (Trigger::Mail, &[Ready]),
            (Trigger::Rcpt, &[Mail, Recipients]),
            (Trigger::Data, &[Recipients]),
            (Trigger::Bdat, &[Recipients, Chunks]),
            (Trigger::EndOfData, &[Content]),
            (Trigger::EndOfChunk, &[Content]),
            (Trigger::Failure, &[Mail, Recipients, Content, Chunks]),
            (Trigger::Rset, &open),
            (Trigger::Other, &open),
            (
                Trigger::Quit,
                &[Refused, Greeted, Ready, Mail, Recipients, Chunks, Failed],
            ),
            (
                Trigger::Abort,
                &[
                    Refused,
                    Greeted,
                    Ready,
                    Mail,
                    Recipients,
                    Content,
                    Chunks,
                    Failed,
                    Authenticating,
                    Securing,
                    Handshake,
                ],
            ),
            (Trigger::Auth, &[Ready]),
            (Trigger::EndOfExchange, &[Authenticating]),
            (Trigger::StartTls, &[Greeted, Ready]),
            (Trigger::Secured, &[Handshake]),
            (Trigger::TurnAway, &[Handshake]),
            (Trigger::Sent, &[Securing, Closing]),
        ];
        for (trigger, legal) in expected {
            for state in ALL {
                let is_legal = state.after(trigger).is_some();
                assert_eq!(is_legal, legal.contains(&state), "{state} {trigger:?}");
            }
        }
    }

    #[test]
    fn s_114_s_120_other_commands_change_nothing() {
        for state in ALL {
            if let Some(to) = state.after(Trigger::Other) {
                assert_eq!(to, state);
            }
        }
    }

    #[test]
    fn s_113_rset_ends_a_transaction_and_no_more() {
        assert_eq!(State::Greeted.after(Trigger::Rset), Some(State::Greeted));
        for state in [
            State::Ready,
            State::Mail,
            State::Recipients,
            State::Chunks,
            State::Failed,
        ] {
            assert_eq!(state.after(Trigger::Rset), Some(State::Ready));
        }
    }

    #[test]
    fn s_089_nothing_but_a_reset_leads_out_of_a_failure() {
        let triggers = TABLE.iter().filter(|(from, _, _)| *from == State::Failed);
        for (_, trigger, to) in triggers {
            let leaves = matches!(to, State::Ready | State::Closing);
            assert!(leaves || *trigger == Trigger::Other, "{trigger:?}");
        }
    }

    #[test]
    fn s_134_after_the_handshake_all_is_as_after_the_greeting() {
        let handshake = State::Ready.after(Trigger::StartTls);
        let handshake = handshake.and_then(|state| state.after(Trigger::Sent));
        assert_eq!(handshake, Some(State::Handshake));
        assert_eq!(
            State::Handshake.after(Trigger::Secured),
            Some(State::Greeted)
        );
    }

    #[test]
    fn no_move_is_listed_twice_and_every_state_can_end() {
        for (index, (from, trigger, _)) in TABLE.iter().enumerate() {
            let twice = |row: &&(State, Trigger, State)| row.0 == *from && row.1 == *trigger;
            assert!(!TABLE[index + 1..].iter().any(|row| twice(&row)));
        }
        for state in ALL {
            let mut reached = vec![state];
            while let Some(&(_, _, to)) = TABLE
                .iter()
                .find(|(from, _, to)| reached.contains(from) && !reached.contains(to))
            {
                reached.push(to);
            }
            assert!(reached.contains(&State::Closed), "{state}");
        }
    }

    #[test]
    fn the_diagram_has_every_move_once() {
        let diagram = state_diagram();
        assert!(diagram.starts_with("stateDiagram-v2\n"));
        for (from, trigger, to) in TABLE {
            let arrow = format!("    {from} --> {to}: ");
            let lines: Vec<&str> = diagram
                .lines()
                .filter_map(|line| line.strip_prefix(&arrow))
                .collect();
            assert_eq!(lines.len(), 1, "{arrow}");
            assert!(lines[0].split(", ").any(|name| name == trigger.name()));
        }
    }
}
