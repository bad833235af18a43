//! What a client session is told before it begins.

use super::{content::ContentPolicy, timeouts::Timeouts};
use crate::{
    types::{CommandTextError, HelloName, Host},
    wire::ReplyLimits,
};

/// What a session should do. Everything but the name has a default.
///
/// ```
/// use smtp_proto::client::{Config, Pipelining};
///
/// let mut config = Config::new(&"client.example.org".parse()?)?;
/// config.pipelining = Pipelining::Off;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What the client calls itself in EHLO and HELO.
    pub name: HelloName,
    /// Whether commands may be sent before earlier ones are answered.
    pub pipelining: Pipelining,
    /// Which refusals of EHLO are followed by HELO.
    pub helo_fallback: HeloFallback,
    /// What content is taken.
    pub content: ContentPolicy,
    /// Whether addresses are sent whose local part is longer than
    /// [`LocalPart::RECOMMENDED_LEN`](crate::types::LocalPart::RECOMMENDED_LEN).
    /// Off: a server may refuse them, or cut them.
    pub long_local_parts: bool,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How long a reply may be.
    pub reply_limits: ReplyLimits,
    /// The most commands that may be unanswered when commands are pipelined.
    pub max_unanswered_commands: usize,
    /// The most octets of commands that may be unanswered, so that neither side
    /// can wait for the other to read (RFC 2920 section 3.1). A single command
    /// may be longer.
    pub max_unanswered_octets: usize,
    /// The most requests that may be queued.
    pub max_queued: usize,
}

impl Config {
    /// The default of [`max_unanswered_commands`](Self::max_unanswered_commands).
    pub const MAX_UNANSWERED_COMMANDS: usize = 100;
    /// The default of [`max_unanswered_octets`](Self::max_unanswered_octets).
    pub const MAX_UNANSWERED_OCTETS: usize = 4096;
    /// The default of [`max_queued`](Self::max_queued).
    pub const MAX_QUEUED: usize = 1000;

    /// The defaults, for a client of this name: its fully-qualified domain
    /// name or, if it has none, its address as a literal (RFC 5321 section
    /// 4.1.1.1).
    ///
    /// # Errors
    /// [`CommandTextError`] if the name has U-labels, which may not be sent
    /// here (RFC 6531 section 3.7.1): give the A-labels.
    pub fn new(name: &Host) -> Result<Self, CommandTextError> {
        use alloc::string::ToString;
        Ok(Self {
            name: HelloName::new(&name.to_string())?,
            pipelining: Pipelining::default(),
            helo_fallback: HeloFallback::default(),
            content: ContentPolicy::default(),
            long_local_parts: false,
            timeouts: Timeouts::default(),
            reply_limits: ReplyLimits::default(),
            max_unanswered_commands: Self::MAX_UNANSWERED_COMMANDS,
            max_unanswered_octets: Self::MAX_UNANSWERED_OCTETS,
            max_queued: Self::MAX_QUEUED,
        })
    }
}

/// Whether commands may be sent before earlier ones are answered (RFC 2920).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pipelining {
    /// One command at a time, whatever the server offers.
    Off,
    /// MAIL, RCPT and DATA of a transaction in groups, if the server offers it.
    #[default]
    WithinTransaction,
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
