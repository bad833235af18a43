//! What to do about each command: answer it at once, or ask the application.

use alloc::format;

use memchr::memmem;

use super::{
    chunk::is_bdat,
    config::Config,
    dialogue::Dialogue,
    envelope::Recipient,
    event::Discarded,
    exchange::is_auth,
    question::Asked,
    reply::{self, Fixed, Said},
    state::{State, Trigger},
};
use crate::{
    types::{
        AddressLiteral, Argument, BodyType, Command, ForwardPath, Host, Mailbox, Parameters,
        RawCommand, ReversePath,
    },
    wire::{self, CRLF, CommandSyntaxError},
};

/// Commands that RFCs define, and this server does not implement: 502, where an
/// unknown one gets 500 (RFC 5321 section 4.2.4).
const NOT_IMPLEMENTED: [&str; 12] = [
    "ATRN", "BURL", "ETRN", "LHLO", "SAML", "SEND", "SOML", "TURN", "XCLIENT", "XFORWARD", "VERB",
    "ONEX",
];

/// The methods of HTTP (RFC 9110 section 9). A browser can be made to send
/// requests with mail commands in their body; the first line gives it away.
const HTTP: [&[u8]; 9] = [
    b"CONNECT", b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT", b"TRACE",
];

/// The first octet of a TLS handshake record (RFC 8446 section 5.1), from a
/// client that expects TLS before anything else.
pub(super) const TLS_HANDSHAKE: u8 = 0x16;

impl Dialogue {
    /// Deals with one command line, given without its CRLF. Returns what to ask
    /// before it can be answered.
    pub(super) fn command(&mut self, line: &[u8]) -> Option<Asked> {
        let is_auth = is_auth(line);
        if !is_auth && line.len() + CRLF.len() > self.config.max_command_line {
            self.overlong_line(is_bdat(line));
            return None;
        }
        self.count_command();
        if is_auth {
            self.transcript.command(line);
            return self.auth(line);
        }
        let parsed = if self.config.lenient_paths {
            wire::parse_command_lenient(line)
        } else {
            wire::parse_command(line)
        };
        self.show(line, &parsed);
        if self.commands() == 1 && is_http(line) {
            self.abort(reply::NOT_HTTP, Discarded::TooManyErrors);
            return None;
        }
        let decided = match parsed {
            Ok(command) => self.decide(command),
            Err(_) if self.state() == State::Refused => Err(reply::NO_SERVICE),
            Err(error) => Err(syntax_error(&error, line)),
        };
        decided.unwrap_or_else(|reply| {
            self.fail(reply);
            // A well-formed BDAT never comes to this.
            if is_bdat(line) {
                self.lose_track();
            }
            None
        })
    }

    /// A chunk follows, and nobody knows how long it is: whatever came next would
    /// be taken for commands.
    fn lose_track(&mut self) {
        if self.state() != State::Closing {
            self.abort(reply::UNKNOWN_CHUNK, Discarded::TooManyErrors);
        }
    }

    /// Shows a command to the transcript; but behind an AUTH, until there is a
    /// command that is one, only that there was a line.
    fn show(&mut self, line: &[u8], parsed: &Result<Command, CommandSyntaxError>) {
        let is_command = !matches!(parsed, Err(_) | Ok(Command::Extension(_)));
        self.behind_auth &= !is_command;
        if self.behind_auth {
            self.transcript.masked();
        } else {
            self.transcript.command(line);
        }
    }

    /// A line was longer than a command may be, and perhaps a BDAT command.
    pub(super) fn overlong_line(&mut self, bdat: bool) {
        self.count_command();
        self.fail(reply::LINE_TOO_LONG);
        if bdat {
            self.lose_track();
        }
    }

    /// An `Err` is the reply to a command that should not have been sent.
    fn decide(&mut self, command: Command) -> Result<Option<Asked>, Fixed> {
        if let Command::Bdat { octets, last } = command {
            return Ok(self.bdat(octets, last));
        }
        let trigger = trigger(&command);
        if self.state() != State::Refused {
            self.check_security(&command)?;
        }
        if self.state().after(trigger).is_none() {
            return self.refuse_out_of_sequence(trigger);
        }
        if is_junk(&command) && !self.count_junk() {
            return Ok(None);
        }
        match command {
            Command::Ehlo(name) => Ok(Some(Asked::Hello {
                name,
                extended: true,
            })),
            Command::Helo(name) => Ok(Some(Asked::Hello {
                name,
                extended: false,
            })),
            Command::Mail {
                reverse_path,
                parameters,
            } => self.mail(reverse_path, parameters),
            Command::Rcpt {
                forward_path,
                parameters,
            } => self.rcpt(forward_path, parameters),
            Command::Data if self.is_binary() => {
                self.move_on(Trigger::Failure, Discarded::Reset);
                Err(reply::NEEDS_BDAT)
            }
            Command::Data => Ok(Some(Asked::Data)),
            // Dealt with above.
            Command::Bdat { .. } => Ok(None),
            Command::Rset => {
                self.say(&reply::RESET);
                self.move_on(trigger, Discarded::Reset);
                Ok(None)
            }
            Command::Quit => {
                self.say_as_host(reply::BYE);
                self.move_on(trigger, Discarded::Quit);
                Ok(None)
            }
            // The reply depends on what stands behind the command.
            Command::StartTls => {
                self.move_on(trigger, Discarded::Hello);
                Ok(None)
            }
            Command::Noop(_) => self.done(reply::NOOP),
            Command::Help(_) => {
                let also = |verb, offered: bool| if offered { verb } else { "" };
                let text = format!(
                    "{}{}{}{}{}\nsee RFC 5321",
                    reply::HELP.text(),
                    also(" BDAT", self.config.chunking),
                    also(" EXPN", self.config.ask_expand),
                    also(" STARTTLS", self.config.offers_starttls()),
                    also(" AUTH", self.config.authentication.is_some()),
                );
                self.say(&Said::Saying(reply::HELP, &text));
                Ok(None)
            }
            Command::Vrfy(argument) => {
                let argument = self.inquiry(argument)?;
                if !self.config.ask_verify {
                    return self.done(reply::CANNOT_VERIFY);
                }
                Ok(Some(Asked::Verify(argument)))
            }
            Command::Expn(argument) => {
                if !self.config.ask_expand {
                    return Err(reply::NOT_IMPLEMENTED);
                }
                self.inquiry(argument)
                    .map(|argument| Some(Asked::Expand(argument)))
            }
            Command::Extension(raw) => Err(unknown(&raw)),
        }
    }

    /// Whether the command may come before TLS and before AUTH (RFC 3207 section
    /// 4, RFC 4954 section 6), as far as these are demanded.
    fn check_security(&self, command: &Command) -> Result<(), Fixed> {
        match command {
            Command::Ehlo(_)
            | Command::Helo(_)
            | Command::Noop(_)
            | Command::Rset
            | Command::Quit => Ok(()),
            Command::StartTls => self.starttls_refusal().map_or(Ok(()), Err),
            _ => self.demands_security().map_or(Ok(()), Err),
        }
    }

    /// What has to come before most commands.
    pub(super) fn demands_security(&self) -> Option<Fixed> {
        if self.must_be_secured() {
            return Some(reply::NEEDS_STARTTLS);
        }
        self.must_authenticate()
            .then_some(reply::NEEDS_AUTHENTICATION)
    }

    fn refuse_out_of_sequence(&mut self, trigger: Trigger) -> Result<Option<Asked>, Fixed> {
        let reply = out_of_sequence(self.state(), trigger);
        if trigger == Trigger::Data {
            // Only where there are chunks already: they cannot be mixed.
            if self.state() == State::Chunks {
                self.move_on(Trigger::Failure, Discarded::Reset);
            }
        }
        match trigger {
            Trigger::Mail | Trigger::Rcpt | Trigger::Data if self.follows_refusal() => {
                self.done(reply)
            }
            _ => Err(reply),
        }
    }

    fn done(&mut self, reply: Fixed) -> Result<Option<Asked>, Fixed> {
        self.say(&reply);
        Ok(None)
    }

    fn mail(
        &mut self,
        reverse_path: ReversePath,
        parameters: Parameters,
    ) -> Result<Option<Asked>, Fixed> {
        let said = self.check_mail_parameters(&parameters)?;
        if let Some(mailbox) = reverse_path.mailbox() {
            self.check_address(mailbox, said.smtputf8, reply::BAD_SENDER)?;
        }
        let max = self.config.max_message_size;
        match said.size.zip(max) {
            // No mistake: only this server's limit is too low for it.
            Some((size, max)) if size > max => {
                if self.count_junk() {
                    self.say(&reply::TOO_LARGE);
                }
                Ok(None)
            }
            _ => {
                self.envelope.begin(reverse_path, parameters);
                Ok(Some(Asked::Mail))
            }
        }
    }

    fn rcpt(&mut self, path: ForwardPath, parameters: Parameters) -> Result<Option<Asked>, Fixed> {
        if !parameters.is_empty() {
            return Err(reply::UNKNOWN_PARAMETER);
        }
        if let Some(mailbox) = path.mailbox() {
            self.check_address(mailbox, self.envelope().is_smtputf8(), reply::BAD_RECIPIENT)?;
        }
        if self.envelope().recipients().len() >= self.config.max_recipients {
            // A client that pipelines may have sent many before it hears of the limit.
            self.put_off = self.put_off.saturating_add(1);
            if self.put_off > Config::MAX_PUT_OFF {
                return Err(reply::TOO_MANY_RECIPIENTS);
            }
            return self.done(reply::TOO_MANY_RECIPIENTS);
        }
        self.candidate = Recipient { path, parameters };
        Ok(Some(Asked::Rcpt))
    }

    /// Exactly the parameters of what EHLO listed, and none behind HELO.
    fn check_mail_parameters(&self, parameters: &Parameters) -> Result<MailParameters, Fixed> {
        let mut said = MailParameters::default();
        for parameter in parameters.iter() {
            let (keyword, value) = (parameter.keyword(), parameter.value());
            let is = |known: &str| keyword.eq_ignore_ascii_case(known);
            let bad = reply::BAD_PARAMETER;
            if !self.is_extended() {
                return Err(reply::UNKNOWN_PARAMETER);
            } else if is("SIZE") {
                said.size = parameters.size().map_err(|_| bad)?;
            } else if is("BODY") && self.config.offers_eight_bit() {
                let body: BodyType = value.unwrap_or_default().parse().map_err(|_| bad)?;
                if body == BodyType::BinaryMime && !self.config.offers_binary() {
                    return Err(bad);
                }
            } else if is("SMTPUTF8") && self.config.smtputf8 {
                said.smtputf8 = true;
                value.map_or(Ok(()), |_| Err(bad))?;
            } else if is("AUTH") && self.offered_mechanisms().next().is_some() {
                let submitter = wire::decode_xtext(value.unwrap_or_default());
                submitter
                    .ok()
                    .filter(|octets| !octets.is_empty())
                    .ok_or(bad)?;
            } else {
                return Err(reply::UNKNOWN_PARAMETER);
            }
        }
        Ok(said)
    }

    /// Addresses that are well-formed and yet cannot be taken: those of RFC
    /// 6531 outside a transaction that has said `SMTPUTF8`, and literals of a
    /// kind that nobody has defined.
    fn check_address(&self, mailbox: &Mailbox, smtputf8: bool, bad: Fixed) -> Result<(), Fixed> {
        if !mailbox.is_ascii() && !smtputf8 {
            let offered = self.config.smtputf8 && self.is_extended();
            return Err(if offered { reply::NEEDS_SMTPUTF8 } else { bad });
        }
        match mailbox.host() {
            Host::Literal(AddressLiteral::General(_)) => Err(bad),
            _ => Ok(()),
        }
    }

    /// The argument of VRFY or EXPN, without the `SMTPUTF8` that RFC 6531
    /// section 3.7.4.2 allows behind it.
    fn inquiry(&self, argument: Argument) -> Result<Argument, Fixed> {
        if self.config.smtputf8 && self.is_extended() {
            let split = argument.as_str().rsplit_once(' ');
            return match split.filter(|(_, last)| last.eq_ignore_ascii_case("SMTPUTF8")) {
                Some((text, _)) => Argument::new(text).map_err(|_| reply::BAD_ARGUMENT),
                None => Ok(argument),
            };
        }
        if argument.as_str().is_ascii() {
            Ok(argument)
        } else {
            Err(reply::BAD_ARGUMENT)
        }
    }
}

/// What counts of the parameters of MAIL.
#[derive(Default)]
struct MailParameters {
    size: Option<u64>,
    smtputf8: bool,
}

fn trigger(command: &Command) -> Trigger {
    match command {
        Command::Ehlo(_) | Command::Helo(_) => Trigger::Hello,
        Command::Mail { .. } => Trigger::Mail,
        Command::Rcpt { .. } => Trigger::Rcpt,
        Command::Data => Trigger::Data,
        Command::Rset => Trigger::Rset,
        Command::Quit => Trigger::Quit,
        Command::StartTls => Trigger::StartTls,
        _ => Trigger::Other,
    }
}

/// Whether a client could say this for ever, with nothing to come of it.
const fn is_junk(command: &Command) -> bool {
    matches!(
        command,
        Command::Ehlo(_)
            | Command::Helo(_)
            | Command::Noop(_)
            | Command::Rset
            | Command::Help(_)
            | Command::Vrfy(_)
            | Command::Expn(_)
    )
}

/// 503, with what should have come instead.
pub(super) fn out_of_sequence(state: State, trigger: Trigger) -> Fixed {
    match (state, trigger) {
        (State::Refused, _) => reply::NO_SERVICE,
        (State::Greeted, _) => reply::NO_HELLO,
        (State::Failed, _) => reply::NEEDS_RESET,
        (State::Mail | State::Recipients | State::Chunks, Trigger::Mail | Trigger::StartTls) => {
            reply::NESTED_MAIL
        }
        (State::Mail, Trigger::Data | Trigger::Bdat) => reply::NO_RECIPIENTS,
        (State::Chunks, Trigger::Data) => reply::NEEDS_BDAT,
        (State::Ready, _) => reply::NO_MAIL,
        _ => reply::OUT_OF_SEQUENCE,
    }
}

fn syntax_error(error: &CommandSyntaxError, line: &[u8]) -> Fixed {
    // The grammar of RFC 5321 has `""` as a local part by an oversight (erratum
    // 5414): a client that sends it is told that it is the address.
    let empty = || memmem::find(line, b"<\"\"@").is_some();
    match error {
        CommandSyntaxError::LineEnd => reply::BROKEN_LINE,
        CommandSyntaxError::Argument => reply::BAD_ARGUMENT,
        CommandSyntaxError::ReversePath(_) if empty() => reply::EMPTY_SENDER,
        CommandSyntaxError::ReversePath(_) => reply::BAD_SENDER,
        CommandSyntaxError::ForwardPath(_) if empty() => reply::EMPTY_RECIPIENT,
        CommandSyntaxError::ForwardPath(_) => reply::BAD_RECIPIENT,
        CommandSyntaxError::Parameter(_) => reply::BAD_PARAMETER,
        _ => reply::UNKNOWN_COMMAND,
    }
}

fn unknown(raw: &RawCommand) -> Fixed {
    let known = NOT_IMPLEMENTED
        .iter()
        .any(|verb| verb.eq_ignore_ascii_case(raw.verb()));
    if known {
        reply::NOT_IMPLEMENTED
    } else {
        reply::UNKNOWN_COMMAND
    }
}

fn is_http(line: &[u8]) -> bool {
    HTTP.iter().any(|method| {
        line.strip_prefix(*method)
            .is_some_and(|rest| rest.starts_with(b" "))
    })
}
