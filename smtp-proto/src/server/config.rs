//! What a server session can be told about its host.

use alloc::string::String;
use core::time::Duration;

use super::{authentication::Authentication, error::ConfigError, exchange, reply};
use crate::{TlsPolicy, types::Host};

/// What the server is called, what it offers, and where its patience ends.
///
/// The defaults are those of a public server on port 25. Every setter takes and
/// returns the whole:
///
/// ```
/// use smtp_proto::server::Config;
///
/// let config = Config::new("mx.example.net".parse()?)?
///     .max_message_size(Some(10 * 1024 * 1024))
///     .max_recipients(500);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) host: Host,
    pub(super) greeting: String,
    pub(super) max_message_size: Option<u64>,
    pub(super) max_recipients: usize,
    pub(super) max_command_line: usize,
    pub(super) max_errors: usize,
    pub(super) max_junk_commands: usize,
    pub(super) max_refused_recipients: usize,
    pub(super) timeouts: Timeouts,
    pub(super) tls: TlsPolicy,
    pub(super) authentication: Option<Authentication>,
    pub(super) pipelining: bool,
    pub(super) eight_bit: bool,
    pub(super) smtputf8: bool,
    pub(super) chunking: bool,
    pub(super) binary_mime: bool,
    pub(super) ask_verify: bool,
    pub(super) ask_expand: bool,
    pub(super) lenient_paths: bool,
    pub(super) lone_line_endings: LoneLineEndings,
}

impl Config {
    /// The default limit on a message, in octets: 25 MiB.
    pub const DEFAULT_MAX_MESSAGE_SIZE: u64 = 25 * 1024 * 1024;
    /// The default limit on the recipients of one message.
    pub const DEFAULT_MAX_RECIPIENTS: usize = 1000;
    /// The fewest recipients that every server takes (RFC 5321 section
    /// 4.5.3.1.8).
    pub const MIN_MAX_RECIPIENTS: usize = 100;
    /// The default limit on a command line, in octets with its CRLF. Every
    /// extension may add to the 512 of RFC 5321, up to 1036 with RFC 3461.
    pub const DEFAULT_MAX_COMMAND_LINE: usize = 4096;
    /// The longest command line that every server takes (RFC 5321 section
    /// 4.5.3.1.4), in octets with its CRLF.
    pub const MIN_MAX_COMMAND_LINE: usize = 512;
    /// The default limit on erroneous commands in a session.
    pub const DEFAULT_MAX_ERRORS: usize = 20;
    /// How many recipients too many are no errors: as with Postfix, enough for a client
    /// that sends all it has in one group.
    pub const MAX_PUT_OFF: usize = 1000;
    /// The default limit on commands that bring no message nearer, that of Postfix.
    pub const DEFAULT_MAX_JUNK_COMMANDS: usize = 100;
    /// The default limit on recipients, users and lists refused in a session.
    pub const DEFAULT_MAX_REFUSED_RECIPIENTS: usize = 100;

    /// A server of this name, with the defaults.
    ///
    /// # Errors
    /// [`ConfigError::Host`] if the name has U-labels.
    pub fn new(host: Host) -> Result<Self, ConfigError> {
        if !host.is_ascii() {
            return Err(ConfigError::Host);
        }
        Ok(Self {
            host,
            greeting: String::from("ESMTP"),
            max_message_size: Some(Self::DEFAULT_MAX_MESSAGE_SIZE),
            max_recipients: Self::DEFAULT_MAX_RECIPIENTS,
            max_command_line: Self::DEFAULT_MAX_COMMAND_LINE,
            max_errors: Self::DEFAULT_MAX_ERRORS,
            max_junk_commands: Self::DEFAULT_MAX_JUNK_COMMANDS,
            max_refused_recipients: Self::DEFAULT_MAX_REFUSED_RECIPIENTS,
            timeouts: Timeouts::default(),
            tls: TlsPolicy::None,
            authentication: None,
            pipelining: true,
            eight_bit: true,
            smtputf8: false,
            chunking: true,
            binary_mime: false,
            ask_verify: false,
            ask_expand: false,
            lenient_paths: false,
            lone_line_endings: LoneLineEndings::default(),
        })
    }

    /// What the greeting says behind the host. The default is `ESMTP`, without
    /// product or version. Whatever a reply cannot have is replaced by `?`.
    #[must_use]
    pub fn greeting(mut self, text: &str) -> Self {
        self.greeting = reply::sanitised(text);
        self
    }

    /// The most octets that a message may have, without the dots that
    /// transparency adds, and in all its chunks together; `None` for no limit.
    /// Fewer than 64 KiB break RFC 5321 section 4.5.3.1.7.
    #[must_use]
    pub fn max_message_size(mut self, octets: Option<u64>) -> Self {
        self.max_message_size = octets;
        self
    }

    /// The most recipients that a message may have: at least
    /// [`MIN_MAX_RECIPIENTS`](Self::MIN_MAX_RECIPIENTS), whatever is given here.
    /// Those beyond are put off (452); and after [`MAX_PUT_OFF`](Self::MAX_PUT_OFF) of
    /// these before a message is accepted, each counts as an
    /// [error](Self::max_errors).
    #[must_use]
    pub fn max_recipients(mut self, recipients: usize) -> Self {
        self.max_recipients = recipients.max(Self::MIN_MAX_RECIPIENTS);
        self
    }

    /// The most octets that a command line may have, with its CRLF: at least
    /// [`MIN_MAX_COMMAND_LINE`](Self::MIN_MAX_COMMAND_LINE), whatever is given
    /// here.
    #[must_use]
    pub fn max_command_line(mut self, octets: usize) -> Self {
        self.max_command_line = octets.max(Self::MIN_MAX_COMMAND_LINE);
        self
    }

    /// How many commands of a session may be unknown, malformed or out of
    /// sequence. The next one is answered by 421. Those that are out of sequence
    /// only because one that was sent with them was refused do not count.
    #[must_use]
    pub fn max_errors(mut self, errors: usize) -> Self {
        self.max_errors = errors;
        self
    }

    /// How many commands that bring no message nearer may come before a message is
    /// accepted, and again before each one after it: EHLO, HELO, NOOP, RSET, HELP, VRFY,
    /// EXPN, BDAT with an empty chunk that is not the last, and what is refused of MAIL
    /// and DATA. Each one beyond that is carried out, and counts as an
    /// [error](Self::max_errors). A client cannot keep a session for ever, or a processor
    /// busy, by saying nothing. An RSET behind each of many messages that are all refused
    /// counts, too.
    #[must_use]
    pub fn max_junk_commands(mut self, commands: usize) -> Self {
        self.max_junk_commands = commands;
        self
    }

    /// How many recipients the application may refuse in a session, and users and
    /// lists that VRFY and EXPN ask about. The next refusal becomes a 421: this
    /// client is trying out addresses.
    #[must_use]
    pub fn max_refused_recipients(mut self, recipients: usize) -> Self {
        self.max_refused_recipients = recipients;
        self
    }

    /// How long to wait.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Whether there is TLS, and how it begins. None by default, because it
    /// takes a driver that can perform the handshake when
    /// [`Event::StartTls`](super::Event::StartTls) says so.
    ///
    /// [`Required`](TlsPolicy::Required) is for submission (port 587): other
    /// clients get 530 5.7.0 to all but EHLO, HELO, NOOP, RSET, STARTTLS and QUIT.
    /// A public server on port 25 must not require it (RFC 3207 section 4).
    #[must_use]
    pub fn tls(mut self, policy: TlsPolicy) -> Self {
        self.tls = policy;
        self
    }

    /// Whether and how clients can authenticate. Not at all by default; only with
    /// this does the session ask
    /// [`Event::Authenticate`](super::Event::Authenticate).
    #[must_use]
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// The TLS policy.
    #[must_use]
    pub const fn tls_policy(&self) -> TlsPolicy {
        self.tls
    }

    /// Whether to offer `PIPELINING` (RFC 2920). On by default. Commands that
    /// come in groups all the same are answered in their order.
    #[must_use]
    pub fn pipelining(mut self, offer: bool) -> Self {
        self.pipelining = offer;
        self
    }

    /// Whether to offer `8BITMIME` (RFC 6152). On by default, and part of
    /// `SMTPUTF8` and `BINARYMIME`. Content is passed on with all its bits either
    /// way.
    #[must_use]
    pub fn eight_bit_mime(mut self, offer: bool) -> Self {
        self.eight_bit = offer;
        self
    }

    /// Whether to offer `SMTPUTF8` (RFC 6531). Off by default: whoever accepts
    /// such a message has to be able to pass it on.
    #[must_use]
    pub fn smtputf8(mut self, offer: bool) -> Self {
        self.smtputf8 = offer;
        self
    }

    /// Whether to offer `CHUNKING` (RFC 3030): content that comes in chunks whose
    /// length is told before (BDAT), so that nobody has to look for its end. On
    /// by default. The application is asked and told the same either way; but
    /// the content may end in the middle of a line.
    #[must_use]
    pub fn chunking(mut self, offer: bool) -> Self {
        self.chunking = offer;
        self
    }

    /// Whether to offer `BINARYMIME` (RFC 3030), which takes `CHUNKING`. Off by
    /// default: whoever accepts such a message ([`BodyType::BinaryMime`]) gets
    /// content of any octets, lone CRs and LFs among them, and has to be able to
    /// store it and to pass it on.
    ///
    /// [`BodyType::BinaryMime`]: crate::types::BodyType::BinaryMime
    #[must_use]
    pub fn binary_mime(mut self, offer: bool) -> Self {
        self.binary_mime = offer;
        self
    }

    /// Whether the application answers VRFY. Off by default: the core answers
    /// 252, which gives nothing away (RFC 5321 section 7.3).
    #[must_use]
    pub fn ask_verify(mut self, ask: bool) -> Self {
        self.ask_verify = ask;
        self
    }

    /// Whether the application answers EXPN, which is then offered. Off by
    /// default: the core answers 502.
    #[must_use]
    pub fn ask_expand(mut self, ask: bool) -> Self {
        self.ask_expand = ask;
        self
    }

    /// Whether to take `MAIL FROM: <a@b>`, with spaces, and addresses
    /// without angle brackets, which some clients send although RFC 5321
    /// section 3.3 forbids it. Off by default.
    #[must_use]
    pub fn lenient_paths(mut self, lenient: bool) -> Self {
        self.lenient_paths = lenient;
        self
    }

    /// What to do about content with a CR or LF that stands alone.
    #[must_use]
    pub fn lone_line_endings(mut self, policy: LoneLineEndings) -> Self {
        self.lone_line_endings = policy;
        self
    }

    /// The name of the server.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether there is a `STARTTLS` on a connection that is in clear.
    pub(super) const fn offers_starttls(&self) -> bool {
        matches!(self.tls, TlsPolicy::Opportunistic | TlsPolicy::Required)
    }

    /// The longest line that can come: a command, or a part of an exchange.
    pub(super) fn max_line(&self) -> usize {
        match self.authentication {
            Some(_) => self.max_command_line.max(exchange::MAX_LINE),
            None => self.max_command_line,
        }
    }

    pub(super) fn offers_eight_bit(&self) -> bool {
        self.eight_bit || self.smtputf8 || self.offers_binary()
    }

    pub(super) const fn offers_binary(&self) -> bool {
        self.chunking && self.binary_mime
    }
}

/// What to do about a CR or LF in the content that is not part of a CRLF, however
/// it comes, unless it was announced as binary.
///
/// RFC 5321 section 2.3.8 forbids them. Servers that take one for a line end
/// see other ends of the content than those that do not, which lets a client
/// slip a second message through (“SMTP smuggling”); passed on as they are, they
/// do that to the next server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoneLineEndings {
    /// Read the content to its true end, and refuse it (554 5.6.0).
    #[default]
    Refuse,
    /// Complete them to CRLF. The end of the content is where it was.
    Repair,
}

/// How long a session waits. [`Duration::MAX`] is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For a whole command, since the reply to the last one was sent. Single
    /// octets do not extend it. RFC 5321 section 4.5.3.2.7 wants at least the 5
    /// minutes that are the default.
    pub command: Duration,
    /// For each [`CONTENT_BLOCK`](Self::CONTENT_BLOCK) of content; 5 minutes by
    /// default.
    pub content: Duration,
    /// For the client to read each [`OUTPUT_BLOCK`](Self::OUTPUT_BLOCK) of
    /// replies; 5 minutes by default.
    pub output: Duration,
    /// For the handshake of TLS; a minute by default.
    pub tls_handshake: Duration,
    /// For the last reply to leave; 30 seconds by default.
    pub closing: Duration,
}

impl Timeouts {
    /// How many octets of content count as progress: 4 KiB. A client that sends
    /// less in the time that [`content`](Self::content) gives is too slow, be
    /// it a single octet each minute.
    pub const CONTENT_BLOCK: u64 = 4 * 1024;
    /// How many octets of replies count as progress: 1 KiB.
    pub const OUTPUT_BLOCK: u64 = 1024;

    /// The same for everything.
    #[must_use]
    pub const fn all(time: Duration) -> Self {
        Self {
            command: time,
            content: time,
            output: time,
            tls_handshake: time,
            closing: time,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            tls_handshake: Duration::from_secs(60),
            closing: Duration::from_secs(30),
            ..Self::all(Duration::from_secs(5 * 60))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("mx.example.net".parse().unwrap()).unwrap()
    }

    #[test]
    fn s_036_the_host_is_in_a_labels() {
        let host: Host = "mx.bücher.example".parse().unwrap();
        assert_eq!(Config::new(host).unwrap_err(), ConfigError::Host);
    }

    #[test]
    fn s_061_s_099_limits_have_a_floor() {
        let config = config().max_recipients(1).max_command_line(1);
        assert_eq!(config.max_recipients, 100);
        assert_eq!(config.max_command_line, 512);
    }
}
