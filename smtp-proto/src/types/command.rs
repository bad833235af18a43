//! Commands (RFC 5321 section 4.1.1).

use alloc::{borrow::ToOwned, string::String};
use core::{fmt, str::FromStr};

use super::{
    domain::{Domain, Host},
    grammar,
    parameter::Parameters,
    path::{ForwardPath, ReversePath},
    print::Print,
    text::Text,
};

/// One command, with its arguments.
///
/// Prints as the line that goes over the wire, without the CRLF;
/// [`wire::parse_command`](crate::wire::parse_command) is the inverse.
///
/// ```
/// use smtp_proto::types::{Command, Parameter, Parameters};
///
/// let mut parameters = Parameters::new();
/// parameters.push(Parameter::size(68))?;
/// let mail = Command::Mail { reverse_path: "alice@example.org".parse()?, parameters };
/// assert_eq!(mail.to_string(), "MAIL FROM:<alice@example.org> SIZE=68");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// `EHLO`: here is my name; which extensions do you have?
    Ehlo(HelloName),
    /// `HELO`: here is my name.
    Helo(HelloName),
    /// `MAIL`: begins a transaction.
    Mail {
        /// Where the message comes from.
        reverse_path: ReversePath,
        /// What extensions want to say about the message.
        parameters: Parameters,
    },
    /// `RCPT`: names one recipient.
    Rcpt {
        /// Where the message is to go.
        forward_path: ForwardPath,
        /// What extensions want to say about the recipient.
        parameters: Parameters,
    },
    /// `DATA`: the content follows.
    Data,
    /// `BDAT`: a chunk of the content follows, as it is (RFC 3030 section 2).
    Bdat {
        /// How many octets the chunk has.
        octets: u64,
        /// Whether it is the last.
        last: bool,
    },
    /// `RSET`: forget the transaction.
    Rset,
    /// `NOOP`: do nothing, and say so.
    Noop(Option<Argument>),
    /// `QUIT`: the end.
    Quit,
    /// `VRFY`: is this a user?
    Vrfy(Argument),
    /// `EXPN`: who is on this list?
    Expn(Argument),
    /// `HELP`: on everything, or on this.
    Help(Option<Argument>),
    /// `STARTTLS`: let us go on inside TLS (RFC 3207).
    StartTls,
    /// Any other command.
    Extension(RawCommand),
}

impl Command {
    /// The verb, in upper case but for an unknown one, which is as it was given.
    #[must_use]
    pub fn verb(&self) -> &str {
        match self {
            Self::Ehlo(_) => "EHLO",
            Self::Helo(_) => "HELO",
            Self::Mail { .. } => "MAIL",
            Self::Rcpt { .. } => "RCPT",
            Self::Data => "DATA",
            Self::Bdat { .. } => "BDAT",
            Self::Rset => "RSET",
            Self::Noop(_) => "NOOP",
            Self::Quit => "QUIT",
            Self::Vrfy(_) => "VRFY",
            Self::Expn(_) => "EXPN",
            Self::Help(_) => "HELP",
            Self::StartTls => "STARTTLS",
            Self::Extension(raw) => raw.verb(),
        }
    }

    /// Whether the text of a request is US-ASCII. Other commands are looked at
    /// elsewhere.
    pub(crate) fn is_ascii(&self) -> bool {
        match self {
            Self::Vrfy(argument)
            | Self::Expn(argument)
            | Self::Noop(Some(argument))
            | Self::Help(Some(argument)) => argument.as_str().is_ascii(),
            Self::Extension(raw) => raw.0.is_ascii(),
            _ => true,
        }
    }
}

impl Print for Command {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let argument = match self {
            Self::Mail {
                reverse_path,
                parameters,
            } => {
                out.write_str("MAIL FROM:")?;
                reverse_path.print(out)?;
                return parameters.print(out);
            }
            Self::Rcpt {
                forward_path,
                parameters,
            } => {
                out.write_str("RCPT TO:")?;
                forward_path.print(out)?;
                return parameters.print(out);
            }
            Self::Bdat { octets, last } => {
                out.write_str("BDAT ")?;
                octets.print(out)?;
                return out.write_str(if *last { " LAST" } else { "" });
            }
            Self::Extension(raw) => return out.write_str(&raw.0),
            Self::Ehlo(name) | Self::Helo(name) => name.as_str(),
            Self::Vrfy(argument)
            | Self::Expn(argument)
            | Self::Noop(Some(argument))
            | Self::Help(Some(argument)) => argument.as_str(),
            Self::Data
            | Self::Rset
            | Self::Quit
            | Self::StartTls
            | Self::Noop(None)
            | Self::Help(None) => return out.write_str(self.verb()),
        };
        out.write_str(self.verb())?;
        out.write_char(' ')?;
        out.write_str(argument)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

/// Why a text cannot be part of a command line, or be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandTextError {
    /// It is empty.
    Empty,
    /// It has a control character (CR, LF, NUL, ...), or a character that may
    /// not stand at this place.
    Character,
    /// It is longer than the 510 octets that a command line has for it, or
    /// than 255 for a name.
    TooLong,
    /// The verb is one that changes the state of the session, which would then
    /// not know of it.
    Verb,
}

impl fmt::Display for CommandTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty text",
            Self::Character => "a character that cannot be sent in a command",
            Self::TooLong => "a text too long for a command",
            Self::Verb => "a command that only the session itself may send",
        })
    }
}

impl core::error::Error for CommandTextError {}

/// The longest command line without its CRLF (RFC 5321 section 4.5.3.1.4).
const MAX_TEXT: usize = 510;

/// The argument of VRFY, EXPN, HELP or NOOP: text without control characters.
///
/// The grammar says `String = Atom / Quoted-string`; what people send, and
/// servers take, is the rest of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument(Text);

impl Argument {
    /// Checks the text. White space around it is not part of it.
    ///
    /// # Errors
    /// [`CommandTextError`] if it is empty, longer than 505 octets, or has a
    /// control character.
    pub fn new(text: &str) -> Result<Self, CommandTextError> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err(CommandTextError::Empty);
        }
        if text.len() > MAX_TEXT - "VRFY ".len() {
            return Err(CommandTextError::TooLong);
        }
        if !grammar::is_local_text(text) {
            return Err(CommandTextError::Character);
        }
        Ok(Self(Text::new(text)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Argument {
    type Err = CommandTextError;

    fn from_str(text: &str) -> Result<Self, CommandTextError> {
        Self::new(text)
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a client calls itself in EHLO or HELO.
///
/// It should be a [`Host`], and a client session of this crate takes nothing
/// else. A server meets much more than that (`localhost`, `my_laptop`, a bare
/// `192.0.2.1`), and learns nothing that it could rely on either way; so this
/// type holds any printable US-ASCII without a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloName(Text);

impl HelloName {
    /// Checks the text.
    ///
    /// # Errors
    /// [`CommandTextError`] if it is empty, longer than 255 octets, or has
    /// anything but printable US-ASCII.
    pub fn new(text: &str) -> Result<Self, CommandTextError> {
        if text.is_empty() {
            return Err(CommandTextError::Empty);
        }
        if text.len() > Domain::MAX_LEN {
            return Err(CommandTextError::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(CommandTextError::Character);
        }
        Ok(Self(Text::new(text)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain or address literal, if it is one.
    #[must_use]
    pub fn host(&self) -> Option<Host> {
        self.0.parse().ok()
    }
}

impl FromStr for HelloName {
    type Err = CommandTextError;

    fn from_str(text: &str) -> Result<Self, CommandTextError> {
        Self::new(text)
    }
}

impl fmt::Display for HelloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A command that this crate does not know: a verb, and perhaps an argument.
///
/// It gets one reply and changes nothing that a session keeps account of;
/// commands that do cannot be made into one.
///
/// ```
/// use smtp_proto::types::RawCommand;
///
/// assert_eq!(RawCommand::new("ETRN example.org")?.verb(), "ETRN");
/// assert!(RawCommand::new("DATA").is_err());
/// assert!(RawCommand::new("NOOP\r\nDATA").is_err());
/// # Ok::<(), smtp_proto::types::CommandTextError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RawCommand(String);

impl RawCommand {
    /// Verbs with a meaning of their own to a session, whether this crate has
    /// them already or not.
    const RESERVED: [&'static str; 24] = [
        "EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "BURL", "RSET", "NOOP", "QUIT",
        "VRFY", "EXPN", "HELP", "STARTTLS", "AUTH", "SEND", "SOML", "SAML", "TURN", "ATRN",
        "XCLIENT", "XFORWARD", "PROXY",
    ];

    /// Checks a command line, given without its CRLF.
    ///
    /// # Errors
    /// [`CommandTextError`] if it is empty, longer than 510 octets, does not
    /// begin with letters or digits, has a control character, or has a verb
    /// that changes the state of a session or has a request of its own.
    pub fn new(line: &str) -> Result<Self, CommandTextError> {
        let raw = Self::parse(line)?;
        if raw.0.len() > MAX_TEXT {
            return Err(CommandTextError::TooLong);
        }
        if Self::RESERVED
            .iter()
            .any(|verb| verb.eq_ignore_ascii_case(raw.verb()))
        {
            return Err(CommandTextError::Verb);
        }
        Ok(raw)
    }

    /// As [`new`](Self::new), for a line that was received: any verb, and any
    /// length, which was bounded when the line was framed. `AUTH` may be long.
    pub(crate) fn parse(line: &str) -> Result<Self, CommandTextError> {
        let line = line.trim_end_matches(' ');
        if line.is_empty() {
            return Err(CommandTextError::Empty);
        }
        if !grammar::is_local_text(line) {
            return Err(CommandTextError::Character);
        }
        let raw = Self(line.to_owned());
        if !grammar::is_keyword(raw.verb()) {
            return Err(CommandTextError::Character);
        }
        Ok(raw)
    }

    /// The verb, as it was given.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// What follows the verb, if anything does.
    #[must_use]
    pub fn argument(&self) -> Option<&str> {
        let (_, argument) = self.0.split_once(' ')?;
        Some(argument.trim_start_matches(' '))
    }
}

/// What `AUTH` carries is replaced by `***`.
impl fmt::Debug for RawCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verb().eq_ignore_ascii_case("AUTH") {
            return f.write_str("RawCommand(AUTH ***)");
        }
        write!(f, "RawCommand({:?})", self.0)
    }
}

impl FromStr for RawCommand {
    type Err = CommandTextError;

    fn from_str(line: &str) -> Result<Self, CommandTextError> {
        Self::new(line)
    }
}

impl fmt::Display for RawCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
