//! Which commands are unanswered, and when another may follow them.

use alloc::collections::VecDeque;

use super::{config::Config, error::Phase, event::RequestId};

/// What a reply is the answer to. Replies are matched by their order and nothing
/// else (RFC 2920 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    /// No reply at all: TLS.
    Handshake,
    /// AUTH, or a response.
    Auth,
    Mail,
    /// RCPT, for the recipient of this index.
    Rcpt(usize),
    Data,
    EndOfData,
    /// The end of no content at all, for a transaction without recipients.
    LoneDot,
    Rset,
    Request(RequestId),
    Quit,
}

impl Expected {
    pub(super) const fn phase(self) -> Phase {
        match self {
            Self::Greeting => Phase::Greeting,
            Self::Ehlo => Phase::Ehlo,
            Self::Helo => Phase::Helo,
            Self::StartTls => Phase::StartTls,
            Self::Handshake => Phase::Handshake,
            Self::Auth => Phase::Auth,
            Self::Mail => Phase::Mail,
            Self::Rcpt(_) => Phase::Rcpt,
            Self::Data => Phase::Data,
            Self::EndOfData | Self::LoneDot => Phase::EndOfData,
            Self::Rset => Phase::Rset,
            Self::Request(_) => Phase::Request,
            Self::Quit => Phase::Quit,
        }
    }

    /// Whether other commands may follow before the answer.
    const fn may_be_followed(self) -> bool {
        matches!(self, Self::Mail | Self::Rcpt(_) | Self::Rset)
    }
}

#[derive(Debug)]
struct Entry {
    expected: Expected,
    /// The position in the output behind the command.
    end: u64,
    octets: usize,
}

/// The queue of unanswered commands.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    entries: VecDeque<Entry>,
    octets: usize,
}

impl Pipeline {
    /// How many octets the next command may have; `grouping` tells whether it
    /// may be sent before earlier ones are answered at all.
    pub(super) fn room(&self, config: &Config, grouping: bool) -> usize {
        match self.entries.back() {
            None => usize::MAX,
            Some(last)
                if grouping
                    && last.expected.may_be_followed()
                    && self.entries.len() < config.max_unanswered_commands =>
            {
                config.max_unanswered_octets.saturating_sub(self.octets)
            }
            Some(_) => 0,
        }
    }

    /// A command of `octets` was put into the output, which it ends at `end`.
    pub(super) fn push(&mut self, expected: Expected, end: u64, octets: usize) {
        self.octets += octets;
        self.entries.push_back(Entry {
            expected,
            end,
            octets,
        });
    }

    /// What the next reply answers.
    pub(super) fn front(&self) -> Option<Expected> {
        self.entries.front().map(|entry| entry.expected)
    }

    /// Whether the oldest command has left in full, when `sent` octets have.
    /// Nothing can be an answer to it before.
    pub(super) fn front_has_left(&self, sent: u64) -> bool {
        self.entries.front().is_some_and(|entry| entry.end <= sent)
    }

    pub(super) fn pop(&mut self) -> Option<Expected> {
        let entry = self.entries.pop_front()?;
        self.octets -= entry.octets;
        Some(entry.expected)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.octets = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(&"client.example.org".parse().unwrap()).unwrap()
    }

    #[test]
    fn c_133_c_155_room_is_bounded() {
        let config = config();
        let mut pipeline = Pipeline::default();
        assert_eq!(pipeline.room(&config, false), usize::MAX);
        pipeline.push(Expected::Mail, 1000, 1000);
        assert_eq!(pipeline.room(&config, false), 0);
        assert_eq!(pipeline.room(&config, true), 3096);
        for index in 0..99 {
            pipeline.push(Expected::Rcpt(index), 1000, 1);
        }
        assert_eq!(pipeline.room(&config, true), 0);
        pipeline.pop();
        assert_eq!(pipeline.room(&config, true), 4096 - 99);
    }

    #[test]
    fn c_142_c_143_c_144_c_145_last_in_their_group() {
        let config = config();
        for last in [
            Expected::Greeting,
            Expected::Ehlo,
            Expected::Helo,
            Expected::StartTls,
            Expected::Handshake,
            Expected::Auth,
            Expected::Data,
            Expected::EndOfData,
            Expected::LoneDot,
            Expected::Request(RequestId(0)),
            Expected::Quit,
        ] {
            let mut pipeline = Pipeline::default();
            pipeline.push(last, 1, 1);
            assert_eq!(pipeline.room(&config, true), 0, "{last:?}");
        }
    }
}
