//! The command line of `send`.

use std::{ffi::OsString, net::IpAddr, process::ExitCode, time::Duration};

use smtp_proto::{
    TlsPolicy,
    client::{self, Chunking, LineEndings, Pipelining, Transaction},
    tls::ClientTls,
    types::{CommandTextError, ForwardPath, Host, ReversePath},
};

use crate::{
    option::parsed,
    security::{self, Security},
    source::Sources,
    terminal::{note, say},
};

const HELP: &str = "\
Sends messages by SMTP.

Usage: send
       send --server HOST[:PORT] --from ADDRESS --to ADDRESS... [OPTION...] [FILE...]

Without arguments, a receiver is started at a loopback port, and gets a message.
With arguments, FILE is sent, or standard input: a message with its header. Line
ends may be those of any system. Several messages go over one connection, unless
--reconnect says otherwise.

  --server HOST[:PORT]      a name, or an address ([::1]:2525); port 25 if none
                            is given
  --from ADDRESS            the sender; '<>' for none
  --to ADDRESS              a recipient; may be repeated
  --all-or-nothing          send to nobody if any recipient is refused
  --each                    a message of its own to each recipient
  --count NUMBER            send so many times what would be sent once
  --reconnect NUMBER        a new connection after so many messages
  --pipelining off|within|across
                            one command at a time; together those of a message
                            (default); or go on with the next message before the
                            last one is answered, as not every server likes
  --chunking needed|accepted|at-once
                            send content by BDAT, if the server offers it: where
                            DATA cannot (default); always; or always, and without
                            waiting for what it says to the recipients
  --depth NUMBER            the most messages that may be unanswered, with
                            --pipelining across and --chunking at-once
                            (default: 10)
  --name NAME               what to be called (default: the local address)
{security}  --timeout SECONDS         the longest wait for any one answer (default: as RFC
                            5321 wants it, from two minutes to ten)
  --quiet                   do not show the dialogue on standard error
  --help                    print this

What became of the message goes to standard output, a line for each recipient;
of several, with the number of the message in front, and a summary at the end.
Exit codes: 0 accepted for all, 1 for some, 3 for none; 2 wrong usage; 4 in
doubt: the server may have the message or not; 5 no session with the server, or
it ended too early (TLS and authentication are part of its beginning).
";

pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) from: ReversePath,
    pub(crate) to: Vec<ForwardPath>,
    pub(crate) policy: client::RecipientPolicy,
    pub(crate) each: bool,
    pub(crate) count: usize,
    /// How many messages go over one connection.
    pub(crate) reconnect: usize,
    pipelining: Pipelining,
    chunking: Chunking,
    depth: usize,
    pub(crate) name: Option<Host>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) tls: Option<ClientTls>,
    tls_policy: TlsPolicy,
    authentication: Option<client::Authentication>,
    pub(crate) quiet: bool,
    files: Vec<OsString>,
}

impl Options {
    /// `None` if help was asked for.
    fn from_arguments(arguments: Vec<OsString>) -> Result<Option<Self>, String> {
        let (mut server, mut from) = (None, None);
        let (mut name, mut timeout) = (None, None);
        let (mut to, mut files) = (Vec::new(), Vec::new());
        let mut policy = client::RecipientPolicy::Partial;
        let (mut each, mut count, mut reconnect) = (false, 1, usize::MAX);
        let mut pipelining = Pipelining::default();
        let mut chunking = Chunking::default();
        let mut depth = client::Config::DEFAULT_MAX_UNANSWERED_MESSAGES;
        let mut quiet = false;
        let mut security = Security::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let option = argument.to_str().unwrap_or_default();
            let mut value = || arguments.next();
            match option {
                "--help" | "-h" => return Ok(None),
                "--server" => server = Some(parsed(option, value(), host_and_port)?),
                "--from" => from = Some(parsed(option, value(), str::parse)?),
                "--to" => to.push(parsed(option, value(), str::parse)?),
                "--all-or-nothing" => policy = client::RecipientPolicy::AllOrNothing,
                "--each" => each = true,
                "--count" => count = parsed(option, value(), at_least_one)?,
                "--reconnect" => reconnect = parsed(option, value(), at_least_one)?,
                "--pipelining" => pipelining = parsed(option, value(), pipelining_named)?,
                "--chunking" => chunking = parsed(option, value(), chunking_named)?,
                "--depth" => depth = parsed(option, value(), at_least_one)?,
                "--name" => name = Some(parsed(option, value(), named)?),
                "--timeout" => {
                    let seconds = parsed(option, value(), str::parse)?;
                    timeout = Some(Duration::from_secs(seconds));
                }
                "--quiet" | "-q" => quiet = true,
                _ if security.take(option, &mut value)? => {}
                _ if argument.as_encoded_bytes().starts_with(b"-") && option != "-" => {
                    return Err(format!("unknown option {}", argument.display()));
                }
                _ => files.push(argument),
            }
        }
        let (host, port) = server.ok_or("--server is missing")?;
        if to.is_empty() {
            return Err("--to is missing".into());
        }
        Ok(Some(Self {
            tls: security.tls()?,
            tls_policy: security.policy(port),
            authentication: security.authentication(&host, port)?,
            host,
            port,
            from: from.ok_or("--from is missing")?,
            to,
            policy,
            each,
            count,
            reconnect,
            pipelining,
            chunking,
            depth,
            name,
            timeout,
            quiet,
            files,
        }))
    }

    /// What a session is to do. `local` is the name of a client that was given
    /// none.
    pub(crate) fn config(&self, local: IpAddr) -> Result<client::Config, CommandTextError> {
        let name = self
            .name
            .clone()
            .unwrap_or_else(|| local.to_canonical().into());
        let mut config = client::Config::new(&name)?
            .line_endings(LineEndings::Repair)
            // Whether a line is too long is for the server to say here.
            .max_line(None)
            .long_local_parts(true)
            .pipelining(self.pipelining)
            .chunking(self.chunking)
            .max_unanswered_messages(self.depth)
            .tls(self.tls_policy);
        if let Some(authentication) = &self.authentication {
            config = config.authentication(authentication.clone());
        }
        if let Some(timeout) = self.timeout {
            config = config.timeouts(client::Timeouts::all(timeout));
        }
        Ok(config)
    }

    /// The transaction to some of the recipients, but for its content.
    pub(crate) fn transaction(&self, recipients: &[ForwardPath]) -> Transaction {
        Transaction::new(self.from.clone())
            .recipients(recipients.iter().cloned())
            .policy(self.policy)
    }

    fn sources(&self) -> Result<Sources, String> {
        let copies = self
            .count
            .saturating_mul(if self.each { self.to.len() } else { 1 });
        Sources::open(&self.files, copies)
    }
}

/// What to send, and how; or the exit code of a program that has nothing to do.
pub(crate) fn prepare(arguments: Vec<OsString>) -> Result<(Options, Sources), ExitCode> {
    let prepared = Options::from_arguments(arguments).and_then(|options| {
        let sources = options.as_ref().map(Options::sources).transpose()?;
        Ok(options.zip(sources))
    });
    match prepared {
        Ok(Some(prepared)) => Ok(prepared),
        Ok(None) => {
            say(HELP.trim_end().replace("{security}", security::HELP));
            Err(ExitCode::SUCCESS)
        }
        Err(error) => {
            note(format_args!("send: {error}; try --help"));
            Err(ExitCode::from(2))
        }
    }
}

/// A name that can be sent.
fn named(text: &str) -> Result<Host, Box<dyn std::error::Error>> {
    let name = text.parse()?;
    client::Config::new(&name)?;
    Ok(name)
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "not a number from 1 on".to_owned())
}

fn pipelining_named(text: &str) -> Result<Pipelining, String> {
    match text {
        "off" => Ok(Pipelining::Off),
        "within" => Ok(Pipelining::WithinTransaction),
        "across" => Ok(Pipelining::AcrossTransactions),
        _ => Err("not one of off, within, across".to_owned()),
    }
}

fn chunking_named(text: &str) -> Result<Chunking, String> {
    match text {
        "needed" => Ok(Chunking::WhenNeeded),
        "accepted" => Ok(Chunking::WhenAccepted),
        "at-once" => Ok(Chunking::AtOnce),
        _ => Err("not one of needed, accepted, at-once".to_owned()),
    }
}

/// `HOST`, `HOST:PORT`, `ADDRESS`, or `[ADDRESS]:PORT`.
fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let bare_v6 = text.matches(':').count() > 1 && !text.contains(']');
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !bare_v6 && !port.ends_with(']') => {
            let port = port.parse().map_err(|_| "not a port".to_owned())?;
            (host, port)
        }
        _ => (text, 25),
    };
    if host.is_empty() || host.starts_with('[') != host.ends_with(']') {
        return Err("not a host".to_owned());
    }
    Ok((host.to_owned(), port))
}
