//! What became of messages, for people and for scripts.

use std::{fmt, process::ExitCode};

use smtp_proto::{
    client::{Fate, NotSent, Outcome},
    types::ForwardPath,
};

use crate::{several::Name, terminal::say};

/// A line for each recipient.
pub(crate) fn report(recipients: &[ForwardPath], outcome: &Outcome) {
    for (recipient, fate) in recipients.iter().zip(outcome.recipients()) {
        say(format_args!("{recipient}: {fate}"));
    }
}

/// What the exit code says of it.
pub(crate) fn exit_code(outcome: &Outcome) -> ExitCode {
    let mut tally = Tally::default();
    tally.add(outcome.recipients());
    tally.exit_code()
}

/// What became of messages, counted by recipient.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    accepted: usize,
    refused: usize,
    not_sent: usize,
    in_doubt: usize,
    /// The session ended too early for some that were not sent.
    cut_off: bool,
}

impl Tally {
    fn add(&mut self, fates: &[Fate]) {
        for fate in fates {
            match fate {
                Fate::Accepted(_) => self.accepted += 1,
                Fate::Refused { .. } => self.refused += 1,
                Fate::InDoubt(_) => self.in_doubt += 1,
                _ => self.not_sent += 1,
            }
            self.cut_off |= matches!(fate, Fate::NotSent(NotSent::Session(_)));
        }
    }

    /// A line for each recipient of one message of several.
    pub(crate) fn report<E: fmt::Display>(
        &mut self,
        (number, recipients): Name<'_>,
        sent: Result<Outcome, E>,
    ) {
        match sent {
            Ok(outcome) => {
                self.add(outcome.recipients());
                for (recipient, fate) in recipients.iter().zip(outcome.recipients()) {
                    say(format_args!("{number}: {recipient}: {fate}"));
                }
            }
            Err(error) => {
                self.not_sent += recipients.len();
                for recipient in recipients {
                    say(format_args!("{number}: {recipient}: not sent: {error}"));
                }
            }
        }
    }

    /// The session ended before all were tried.
    pub(crate) fn cut_off(&mut self) {
        self.cut_off = true;
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self { in_doubt: 1.., .. } => 4,
            Self {
                accepted: 1..,
                refused: 0,
                not_sent: 0,
                ..
            } => 0,
            Self { accepted: 1.., .. } => 1,
            Self { cut_off: true, .. } => 5,
            _ => 3,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accepted,
            refused,
            not_sent,
            in_doubt,
            ..
        } = self;
        write!(
            f,
            "{accepted} accepted, {refused} refused, {not_sent} not sent, {in_doubt} in doubt"
        )
    }
}

/// As [`report`], for a message that was not even tried.
pub(crate) fn nothing_sent(
    recipients: &[ForwardPath],
    error: &dyn fmt::Display,
    code: u8,
) -> ExitCode {
    for recipient in recipients {
        say(format_args!("{recipient}: not sent: {error}"));
    }
    ExitCode::from(code)
}
