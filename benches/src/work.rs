//! What there is to do.

use std::{net::SocketAddr, path::PathBuf};

use bytes::Bytes;

use crate::{
    Result,
    meter::{Cost, Meter},
};

/// Who sends.
pub const FROM: &str = "alice@example.org";
/// What the client calls itself.
pub const NAME: &str = "client.example.org";
/// The name in the certificate of the sink.
pub const HOST: &str = "localhost";
/// How many recipients [`Work::Recipients`] has.
pub const RECIPIENTS: u32 = 100;
/// How many connections [`Work::Connections`] has.
pub const CONNECTIONS: u32 = 100;
/// How many messages may be without an answer in [`Work::Chunked`].
pub const DEPTH: u32 = 10;
/// The file of [`Work::File`].
pub const FILE: &str = "message.eml";
/// The certificate of the sink.
pub const CERTIFICATE: &str = "certificate.pem";

const LINE: &str = "The quick brown fox jumps over the lazy dog, and then once more.\r\n";

/// A kind of work; a unit of it is a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// 1 KiB to one recipient, over a connection that is used again.
    Small,
    /// The same, pipelined across transactions, with DATA.
    Across,
    /// The same, pipelined across transactions, with BDAT.
    Chunked,
    /// 1 KiB to a hundred recipients.
    Recipients,
    /// 50 MiB that are in memory.
    Large,
    /// 50 MiB that are in a file.
    File,
    /// 4 MiB, in which every line is a dot.
    Dots,
    /// 1 KiB over each of a hundred connections in turn, in one thread.
    Connections,
    /// Connect, send 1 KiB, quit.
    Session,
    /// The same, with QUIT in the group of the end of the content.
    Quit,
    /// Connect, STARTTLS, send 1 KiB, quit.
    Tls,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 11] = [
        Self::Small,
        Self::Across,
        Self::Chunked,
        Self::Recipients,
        Self::Large,
        Self::File,
        Self::Dots,
        Self::Connections,
        Self::Session,
        Self::Quit,
        Self::Tls,
    ];

    /// What it is called on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Across => "across",
            Self::Chunked => "chunked",
            Self::Recipients => "recipients",
            Self::Large => "large",
            Self::File => "file",
            Self::Dots => "dots",
            Self::Connections => "connections",
            Self::Session => "session",
            Self::Quit => "quit",
            Self::Tls => "tls",
        }
    }

    /// The work of this name.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|work| work.name() == name);
        found.ok_or_else(|| format!("no work is called {name}").into())
    }

    /// The recipients of a message.
    pub fn recipients(self) -> impl Iterator<Item = String> {
        let n = if self == Self::Recipients {
            RECIPIENTS
        } else {
            1
        };
        (0..n).map(|n| format!("recipient{n}@example.net"))
    }

    /// The content of a message; none if it is in the file.
    #[must_use]
    pub fn content(self) -> Vec<u8> {
        match self {
            Self::File => Vec::new(),
            Self::Large => repeated(LINE, 50 << 20),
            // Not from the very beginning: not every peer survives that.
            Self::Dots => [b"Subject: dots\r\n\r\n", &repeated(".\r\n", 4 << 20)[..]].concat(),
            _ => message(1 << 10),
        }
    }

    /// What is in the file.
    #[must_use]
    pub fn file() -> Vec<u8> {
        Self::Large.content()
    }
}

/// About so many octets of a line, over and over.
#[must_use]
pub fn repeated(line: &str, len: usize) -> Vec<u8> {
    line.repeat(len / line.len()).into_bytes()
}

/// A message of exactly so many octets.
fn message(len: usize) -> Vec<u8> {
    let mut message = b"From: <alice@example.org>\r\nTo: <bob@example.net>\r\n\
        Subject: Of a certain length\r\n\r\n"
        .to_vec();
    while message.len() + LINE.len() <= len {
        message.extend_from_slice(LINE.as_bytes());
    }
    let rest = len - message.len();
    message.extend(std::iter::repeat_n(b'x', rest.saturating_sub(2)));
    message.extend_from_slice(b"\r\n");
    message
}

/// Some work for a sender.
#[derive(Debug)]
pub struct Job {
    pub work: Work,
    /// Messages before those that count.
    pub warmup: u32,
    /// Messages that count.
    pub count: u32,
    /// Where the sink listens.
    pub address: SocketAddr,
    /// Where the files are.
    pub directory: PathBuf,
    /// The content of each message.
    pub content: Bytes,
    meter: Meter,
}

impl Job {
    /// Whatever is made from here on is memory of the sender.
    pub fn new(
        work: Work,
        warmup: u32,
        count: u32,
        address: SocketAddr,
        directory: PathBuf,
    ) -> Result<Self> {
        let content = Bytes::from(work.content());
        let meter = Meter::new()?;
        Ok(Self {
            work,
            warmup,
            count,
            address,
            directory,
            content,
            meter,
        })
    }

    /// Does it: `prepare` makes so many messages as the sender takes them, and
    /// `send` sends them. Only `send` counts.
    pub fn measure<T>(
        mut self,
        mut prepare: impl FnMut(&Self, u32) -> Result<T>,
        mut send: impl FnMut(&Self, T) -> Result,
    ) -> Result<Cost> {
        let messages = prepare(&self, self.warmup)?;
        send(&self, messages)?;
        let messages = prepare(&self, self.count)?;
        self.meter.start();
        send(&self, messages)?;
        self.meter.stop()
    }

    /// The certificate of the sink.
    pub fn certificate(&self) -> Result<Vec<u8>> {
        Ok(std::fs::read(self.directory.join(CERTIFICATE))?)
    }

    /// The file that is to be sent.
    pub fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_message_is_one_kib_and_ends_with_a_line() {
        let content = Work::Small.content();
        assert_eq!(content.len(), 1024);
        assert!(content.ends_with(b"x\r\n"));
    }
}
