//! What a client session is told before it begins.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::net::Ipv4Addr;

use super::{
    authentication::Authentication,
    content::{ContentPolicy, LineEndings},
    error::{Error, ErrorKind, Phase},
    timeouts::Timeouts,
};
use crate::{
    TlsPolicy,
    types::{AddressLiteral, CommandTextError, HelloName, Host},
    wire::ReplyLimits,
};

/// What the client is called, what it may do, and where its patience ends.
///
/// Everything but the name has a default. Every setter takes and returns the
/// whole:
///
/// ```
/// use smtp_proto::client::{Config, LineEndings, Pipelining};
///
/// let config = Config::new(&"client.example.org".parse()?)?
///     .pipelining(Pipelining::Off)
///     .line_endings(LineEndings::Repair);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) name: HelloName,
    pub(super) tls: TlsPolicy,
    pub(super) authentication: Option<Authentication>,
    pub(super) pipelining: Pipelining,
    pub(super) helo_fallback: HeloFallback,
    pub(super) ignored_keywords: Vec<String>,
    pub(super) content: ContentPolicy,
    pub(super) long_local_parts: bool,
    pub(super) timeouts: Timeouts,
    pub(super) reply_limits: ReplyLimits,
    pub(super) max_unanswered_commands: usize,
    pub(super) max_unanswered_octets: usize,
    pub(super) max_unanswered_messages: usize,
    pub(super) chunking: Chunking,
    pub(super) chunk_size: usize,
    pub(super) max_unanswered_chunks: usize,
    pub(super) quit_with_content: bool,
    pub(super) max_queued: usize,
}

impl Config {
    /// The default of [`max_line`](Self::max_line): the most that a server must
    /// take (RFC 5321 section 4.5.3.1.6).
    pub const DEFAULT_MAX_LINE: usize = 998;
    /// The default of [`max_unanswered_commands`](Self::max_unanswered_commands):
    /// as many recipients as every server has to take (RFC 5321 section
    /// 4.5.3.1.8), and what goes with them.
    pub const DEFAULT_MAX_UNANSWERED_COMMANDS: usize = 128;
    /// The default of [`max_unanswered_octets`](Self::max_unanswered_octets).
    pub const DEFAULT_MAX_UNANSWERED_OCTETS: usize = 8 * 1024;
    /// The default of [`max_unanswered_messages`](Self::max_unanswered_messages).
    pub const DEFAULT_MAX_UNANSWERED_MESSAGES: usize = 10;
    /// The default of [`chunk_size`](Self::chunk_size).
    pub const DEFAULT_CHUNK_SIZE: usize = 256 * 1024;
    /// The default of [`max_unanswered_chunks`](Self::max_unanswered_chunks).
    pub const DEFAULT_MAX_UNANSWERED_CHUNKS: usize = 8;
    /// The default of [`max_queued`](Self::max_queued).
    pub const DEFAULT_MAX_QUEUED: usize = 1000;

    /// The defaults, for a client of this name: its fully-qualified domain
    /// name or, if it has none, its address as a literal (RFC 5321 section
    /// 4.1.1.1). An IPv4 address without brackets, which the grammar takes for a
    /// name and servers refuse, gets them.
    ///
    /// # Errors
    /// [`CommandTextError`] if the name has U-labels, which may not be sent
    /// here (RFC 6531 section 3.7.1): give the A-labels.
    pub fn new(name: &Host) -> Result<Self, CommandTextError> {
        Ok(Self {
            name: HelloName::new(&in_brackets(name).to_string())?,
            tls: TlsPolicy::default(),
            authentication: None,
            pipelining: Pipelining::default(),
            helo_fallback: HeloFallback::default(),
            ignored_keywords: Vec::new(),
            content: ContentPolicy::default(),
            long_local_parts: false,
            timeouts: Timeouts::default(),
            reply_limits: ReplyLimits::default(),
            max_unanswered_commands: Self::DEFAULT_MAX_UNANSWERED_COMMANDS,
            max_unanswered_octets: Self::DEFAULT_MAX_UNANSWERED_OCTETS,
            max_unanswered_messages: Self::DEFAULT_MAX_UNANSWERED_MESSAGES,
            chunking: Chunking::default(),
            chunk_size: Self::DEFAULT_CHUNK_SIZE,
            max_unanswered_chunks: Self::DEFAULT_MAX_UNANSWERED_CHUNKS,
            quit_with_content: false,
            max_queued: Self::DEFAULT_MAX_QUEUED,
        })
    }

    /// Whether the session is protected by TLS. Not at all by default, since
    /// that takes a driver that can do it.
    #[must_use]
    pub fn tls(mut self, policy: TlsPolicy) -> Self {
        self.tls = policy;
        self
    }

    /// The TLS policy.
    #[must_use]
    pub fn tls_policy(&self) -> TlsPolicy {
        self.tls
    }

    /// Authenticates as part of the opening, before
    /// [`Event::Ready`](super::Event::Ready). If that fails, the session ends,
    /// and nothing is sent.
    #[must_use]
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// What to try next, over a new connection to the same server, after a
    /// session ended so. `None` if nothing else is worth a try.
    ///
    /// - In clear, where TLS was opportunistic and could not be established (RFC
    ///   3207 section 4.1). The connectors of the adapters do that themselves.
    /// - One transaction after another, where the server did not take them in one
    ///   group ([`GroupDropped`](ErrorKind::GroupDropped)), or closed the connection
    ///   where the second was to be answered. Use this
    ///   configuration for the server from then on; nothing here remembers it.
    ///   Which messages may be sent again, their outcomes say:
    ///   [`Outcome::may_be_sent_again`](super::Outcome::may_be_sent_again).
    /// - One command at a time, where a group of commands was not answered in time
    ///   ([`TimedOut`](ErrorKind::TimedOut) at MAIL, RCPT or DATA): there are servers
    ///   that lose commands in groups, or hold their answers back, although they offer
    ///   `PIPELINING`.
    ///
    /// Adapters have the error inside of theirs (`Error::session`).
    #[must_use]
    pub fn after(&self, error: &Error) -> Option<Self> {
        let dropped = match error.kind() {
            ErrorKind::GroupDropped => true,
            // It may have had another reason; to go slower for that harms nobody.
            ErrorKind::Closing | ErrorKind::ConnectionLost => error.phase() == Phase::Rset,
            _ => false,
        };
        if dropped && self.pipelining == Pipelining::AcrossTransactions {
            return Some(self.clone().pipelining(Pipelining::WithinTransaction));
        }
        if error.is_silence_behind_a_group() && self.pipelining != Pipelining::Off {
            return Some(self.clone().pipelining(Pipelining::Off));
        }
        let broken = match error.kind() {
            ErrorKind::PlaintextAfterStartTls => true,
            ErrorKind::Aborted => false,
            _ => error.phase() == Phase::Handshake,
        };
        (self.tls == TlsPolicy::Opportunistic && broken).then(|| self.clone().tls(TlsPolicy::None))
    }

    /// Whether commands may be sent before earlier ones are answered, by a server
    /// that offers `PIPELINING`. Within a transaction by default.
    #[must_use]
    pub fn pipelining(mut self, pipelining: Pipelining) -> Self {
        self.pipelining = pipelining;
        self
    }

    /// Which refusals of EHLO are followed by HELO.
    #[must_use]
    pub fn helo_fallback(mut self, fallback: HeloFallback) -> Self {
        self.helo_fallback = fallback;
        self
    }

    /// Takes these keywords, in upper or lower case, for not offered: for servers that
    /// offer what they then refuse, `SIZE` or `8BITMIME` as a rule. Nothing is said that
    /// belongs to them, and a message that needs one of them is not sent. None by
    /// default; these take the place of those that were given before.
    #[must_use]
    pub fn ignore_keywords<K: Into<String>>(
        mut self,
        keywords: impl IntoIterator<Item = K>,
    ) -> Self {
        self.ignored_keywords = keywords.into_iter().map(Into::into).collect();
        self
    }

    /// What to do about content with a CR or LF that stands alone.
    #[must_use]
    pub fn line_endings(mut self, policy: LineEndings) -> Self {
        self.content.line_endings = policy;
        self
    }

    /// The longest line of content, in octets without its CRLF; `None` for any.
    /// Longer lines than [`DEFAULT_MAX_LINE`](Self::DEFAULT_MAX_LINE) are refused
    /// by some servers, and cut by others. Lines are never folded here, since that
    /// would break signatures.
    #[must_use]
    pub fn max_line(mut self, octets: Option<usize>) -> Self {
        self.content.max_line = octets;
        self
    }

    /// Whether content may have NULs. Off by default: MIME has no place for
    /// them outside of binary content (RFC 2045 section 2.7).
    #[must_use]
    pub fn nul_in_content(mut self, allow: bool) -> Self {
        self.content.nul = allow;
        self
    }

    /// Whether addresses are sent whose local part is longer than
    /// [`LocalPart::RECOMMENDED_LEN`](crate::types::LocalPart::RECOMMENDED_LEN).
    /// Off by default: a server may refuse them, or cut them.
    #[must_use]
    pub fn long_local_parts(mut self, allow: bool) -> Self {
        self.long_local_parts = allow;
        self
    }

    /// How long to wait.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How long a reply may be.
    #[must_use]
    pub fn reply_limits(mut self, limits: ReplyLimits) -> Self {
        self.reply_limits = limits;
        self
    }

    /// The most commands that may be unanswered when commands are pipelined:
    /// across transactions four for a message with one recipient.
    #[must_use]
    pub fn max_unanswered_commands(mut self, commands: usize) -> Self {
        self.max_unanswered_commands = commands;
        self
    }

    /// The most octets of commands that may be unanswered, so that neither side
    /// can wait for the other to read (RFC 2920 section 3.1). A single command
    /// may be longer.
    #[must_use]
    pub fn max_unanswered_octets(mut self, octets: usize) -> Self {
        self.max_unanswered_octets = octets;
        self
    }

    /// The most messages whose content may have been sent in full and not
    /// answered, with [`Pipelining::AcrossTransactions`]: so many may be
    /// [in doubt](super::Fate::InDoubt) if the connection is lost. More than one
    /// only with [`Chunking::AtOnce`], since DATA has to wait for an answer. At
    /// least one. Once as many are on their way, more follow when half of them
    /// are answered, so that they travel in groups.
    ///
    /// The limits on [commands](Self::max_unanswered_commands) and their
    /// [octets](Self::max_unanswered_octets) hold, too: by default they allow for
    /// 25 messages with one recipient. Who wants more raises them all.
    #[must_use]
    pub fn max_unanswered_messages(mut self, messages: usize) -> Self {
        self.max_unanswered_messages = messages.max(1);
        self
    }

    /// When content is sent in chunks (BDAT), to a server that offers
    /// `CHUNKING`. By default where nothing else will do.
    #[must_use]
    pub fn chunking(mut self, chunking: Chunking) -> Self {
        self.chunking = chunking;
        self
    }

    /// How long a chunk of BDAT is, in octets, before line ends are
    /// [repaired](LineEndings::Repair); the last may be shorter, and what
    /// is [written](super::Body::write) in one piece is not divided. At least
    /// one. A server says no only after a whole chunk; and of content that is
    /// written piece by piece, as much as this is held until its chunk is full.
    #[must_use]
    pub fn chunk_size(mut self, octets: usize) -> Self {
        self.chunk_size = octets.max(1);
        self
    }

    /// The most chunks that may be unanswered, where commands are pipelined; the
    /// last of a message is not counted. At least one. Without pipelining each
    /// waits for the answer to the one before.
    #[must_use]
    pub fn max_unanswered_chunks(mut self, chunks: usize) -> Self {
        self.max_unanswered_chunks = chunks.max(1);
        self
    }

    /// Whether QUIT, where it is next, is sent together with the end of the
    /// content (RFC 2920 section 3.1), to a server that offers `PIPELINING`. Saves
    /// a round trip. Off by default: some servers drop what they have read when
    /// the client leaves. QUIT is next if it was requested before the content
    /// went out, as the adapters' `send_and_quit` does. With
    /// [`Chunking::AtOnce`], recipients beyond those that the server takes in one
    /// transaction are then refused, since that is known too late for another.
    #[must_use]
    pub fn quit_with_content(mut self, together: bool) -> Self {
        self.quit_with_content = together;
        self
    }

    /// The most requests that may be queued. One more is
    /// [`QueueFull`](super::CommandError::QueueFull); who has many asks
    /// [`wants_transaction`](super::Session::wants_transaction) first.
    #[must_use]
    pub fn max_queued(mut self, requests: usize) -> Self {
        self.max_queued = requests;
        self
    }
}

/// The host, as a literal if its name is an address.
fn in_brackets(host: &Host) -> Host {
    match host {
        Host::Domain(name) => match name.as_str().parse::<Ipv4Addr>() {
            Ok(address) => AddressLiteral::V4(address).into(),
            Err(_) => host.clone(),
        },
        Host::Literal(_) => host.clone(),
    }
}

/// Whether commands may be sent before earlier ones are answered (RFC 2920).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pipelining {
    /// One command at a time, whatever the server offers.
    Off,
    /// MAIL, RCPT and DATA of a transaction in groups, if the server offers it;
    /// else as [`Off`](Self::Off).
    #[default]
    WithinTransaction,
    /// The next transaction, if one is queued, in the group of the end of the
    /// content before it (RFC 2920 section 3.1): RSET, MAIL, RCPT and DATA; or,
    /// with [`Chunking::AtOnce`], whole transactions one behind the other.
    ///
    /// RSET goes first because some servers keep what they know of a transaction
    /// that they refused at its end. A transaction in stages waits for its turn.
    ///
    /// For servers that one knows: there are some that drop what comes behind
    /// the content, although they offer pipelining. Then the session ends with
    /// [`ErrorKind::GroupDropped`](super::ErrorKind::GroupDropped), and
    /// [`Config::after`] says how to go on. What becomes of each message is told
    /// as by the other settings; but if the connection is lost, more of them may
    /// be [in doubt](super::Fate::InDoubt), up to
    /// [`Config::max_unanswered_messages`].
    AcrossTransactions,
}

/// When content is sent in chunks (BDAT, RFC 3030 section 2), to a server that
/// offers `CHUNKING`. To others it is sent by DATA; but binary content is not sent
/// at all ([`NeedsBinaryMime`](super::NotSent::NeedsBinaryMime)).
///
/// What content may be is the same either way, except for binary content, which
/// nobody looks at: lone line ends are refused or repaired, and a last line without
/// CRLF gets one. A message of which any chunk is refused is refused as a whole,
/// and RSET follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunking {
    /// Where DATA cannot do it: content that is
    /// [`BinaryMime`](crate::types::BodyType::BinaryMime).
    #[default]
    WhenNeeded,
    /// Always, once every RCPT is answered and a recipient is accepted. As safe as
    /// DATA, and takes as many round trips.
    WhenAccepted,
    /// Always, and the first chunk, which is all of an ordinary message, in the
    /// group of MAIL and RCPT, before they are answered, where commands are
    /// pipelined. With
    /// [`AllOrNothing`](super::RecipientPolicy::AllOrNothing) the last chunk waits
    /// until every recipient is accepted.
    ///
    /// For servers that one knows: there are some that do not drop the chunks of a
    /// transaction that they refused, but take what is in them, which the author
    /// of the message chose, for commands.
    AtOnce,
}

/// Which refusals of EHLO are followed by HELO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeloFallback {
    /// None: without extensions there is no session.
    Never,
    /// 500 and 502, which say that the server does not know EHLO.
    #[default]
    UnknownCommand,
    /// Any 5yz. Some old servers refuse EHLO with another code; others mean by
    /// it that they do not like the client.
    AnyRefusal,
}
