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
    /// A chunk that is not the last.
    Chunk,
    /// The end of the content: the dot, or the last chunk.
    EndOfData,
    /// The end of no content at all, for a transaction without recipients.
    LoneDot,
    Rset,
    /// RSET in one group with the end of the content before it.
    Crossing,
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
            Self::Chunk => Phase::Content,
            Self::EndOfData | Self::LoneDot => Phase::EndOfData,
            Self::Rset | Self::Crossing => Phase::Rset,
            Self::Request(_) => Phase::Request,
            Self::Quit => Phase::Quit,
        }
    }

    /// Whether other commands of the same transaction may follow before the
    /// answer.
    const fn may_be_followed(self) -> bool {
        matches!(
            self,
            Self::Mail | Self::Rcpt(_) | Self::Chunk | Self::Rset | Self::Crossing
        )
    }

    /// Whether it is about the transaction whose turn it is to be answered.
    pub(super) const fn is_of_transaction(self) -> bool {
        matches!(
            self,
            Self::Mail | Self::Rcpt(_) | Self::Data | Self::Chunk | Self::EndOfData
        )
    }

    /// Whether it is about content, which takes its time to leave.
    pub(super) const fn is_content(self) -> bool {
        matches!(self, Self::Chunk | Self::EndOfData)
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
    chunks: usize,
}

impl Pipeline {
    /// How many octets the next command may have; `grouping` tells whether it
    /// may be sent before earlier ones are answered at all.
    pub(super) fn room(&self, config: &Config, grouping: bool) -> usize {
        self.room_behind(config, grouping, Expected::may_be_followed)
    }

    /// As [`room`](Self::room), behind the end of content.
    pub(super) fn room_to_cross(&self, config: &Config, grouping: bool) -> usize {
        self.room_behind(config, grouping, |last| last == Expected::EndOfData)
    }

    fn room_behind(
        &self,
        config: &Config,
        grouping: bool,
        may_follow: impl FnOnce(Expected) -> bool,
    ) -> usize {
        match self.entries.back() {
            None => usize::MAX,
            Some(last)
                if grouping
                    && may_follow(last.expected)
                    && self.entries.len() < config.max_unanswered_commands =>
            {
                config.max_unanswered_octets.saturating_sub(self.octets)
            }
            Some(_) => 0,
        }
    }

    /// How many chunks are unanswered, the last of a message left out.
    pub(super) const fn chunks(&self) -> usize {
        self.chunks
    }

    /// A command of `octets` was put into the output, which it ends at `end`.
    pub(super) fn push(&mut self, expected: Expected, end: u64, octets: usize) {
        self.octets += octets;
        self.chunks += usize::from(expected == Expected::Chunk);
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
        self.chunks -= usize::from(entry.expected == Expected::Chunk);
        Some(entry.expected)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.octets = 0;
        self.chunks = 0;
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
        assert_eq!(pipeline.room(&config, true), 8192 - 1000);
        for index in 0..127 {
            pipeline.push(Expected::Rcpt(index), 1000, 1);
        }
        assert_eq!(pipeline.room(&config, true), 0);
        pipeline.pop();
        assert_eq!(pipeline.room(&config, true), 8192 - 127);
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
