//! What became of a message, for people and for scripts.

use std::{fmt, process::ExitCode};

use smtp_proto::{
    client::{Fate, NotSent, Outcome},
    types::ForwardPath,
};

use crate::terminal::say;

/// A line for each recipient.
pub(crate) fn report(recipients: &[ForwardPath], outcome: &Outcome) {
    for (recipient, fate) in recipients.iter().zip(outcome.recipients()) {
        say(format_args!("{recipient}: {fate}"));
    }
}

/// What the exit code says of it.
pub(crate) fn exit_code(outcome: &Outcome) -> ExitCode {
    let all = outcome.recipients();
    ExitCode::from(match outcome.fate() {
        Fate::InDoubt(_) => 4,
        _ if outcome.is_complete() => 0,
        _ if all.iter().any(Fate::is_accepted) => 1,
        Fate::NotSent(NotSent::Session(_)) => 5,
        _ => 3,
    })
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
