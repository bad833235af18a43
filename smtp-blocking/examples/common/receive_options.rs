//! The command line of `receive`.

use std::{
    error::Error,
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use smtp_proto::{
    server::{Config, ConfigError, LoneLineEndings, Timeouts},
    tls::ServerTls,
    types::{Domain, Host},
};

use crate::{
    accounts::{self, Accounts, Security},
    option::{parsed, required},
    terminal::{note, say},
};

/// At a time.
const DEFAULT_MAX_CONNECTIONS: usize = 100;

const HELP: &str = "\
Receives mail, and stores it in a Maildir.

Usage: receive [--listen ADDRESS:PORT] [--maildir DIRECTORY] [OPTION...]

  --listen ADDRESS:PORT     where to listen        (default 127.0.0.1:2525)
  --maildir DIRECTORY       where to store         (default ./mail)
  --name NAME               what to be called      (default [127.0.0.1])
  --domain DOMAIN           accept mail for this domain only; may be repeated
  --max-size OCTETS         the largest message    (default 26214400)
  --max-connections N       at a time              (default 100)
  --timeout SECONDS         the longest wait for a command, or for content to
                            go on                  (default 300)
  --repair-line-endings     take content with lone CR or LF, completed to CRLF,
                            instead of refusing it
{security}  --help                    print this

Mail to an address whose local part is \"nobody\" is refused, to see how that
looks. Exit codes: 0 after --help, 2 for wrong usage, 1 for anything else.
";

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) maildir: PathBuf,
    pub(crate) name: Host,
    pub(crate) domains: Vec<Domain>,
    pub(crate) max_size: u64,
    pub(crate) max_connections: usize,
    pub(crate) timeouts: Timeouts,
    pub(crate) lone_line_endings: LoneLineEndings,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) accounts: Accounts,
    security: Security,
}

impl Options {
    /// `None` if help was asked for.
    fn from_arguments(
        mut arguments: impl Iterator<Item = OsString>,
    ) -> Result<Option<Self>, String> {
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 2525)),
            maildir: PathBuf::from("mail"),
            name: IpAddr::from(Ipv4Addr::LOCALHOST).into(),
            domains: Vec::new(),
            max_size: Config::DEFAULT_MAX_MESSAGE_SIZE,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            timeouts: Timeouts::default(),
            lone_line_endings: LoneLineEndings::Refuse,
            tls: None,
            accounts: Accounts::default(),
            security: Security::default(),
        };
        while let Some(argument) = arguments.next() {
            let option = argument.to_str().unwrap_or_default();
            let mut value = || arguments.next();
            match option {
                "--help" | "-h" => return Ok(None),
                "--listen" => options.listen = parsed(option, value(), str::parse)?,
                "--maildir" => options.maildir = required(option, value())?.into(),
                "--name" => options.name = parsed(option, value(), named)?,
                "--domain" => options.domains.push(parsed(option, value(), str::parse)?),
                "--max-size" => options.max_size = parsed(option, value(), str::parse)?,
                "--max-connections" => {
                    options.max_connections = parsed(option, value(), str::parse)?;
                }
                "--timeout" => {
                    let timeout = Duration::from_secs(parsed(option, value(), str::parse)?);
                    options.timeouts.command = timeout;
                    options.timeouts.content = timeout;
                    options.timeouts.output = timeout;
                    options.timeouts.tls_handshake = options.timeouts.tls_handshake.min(timeout);
                }
                "--repair-line-endings" => options.lone_line_endings = LoneLineEndings::Repair,
                _ if options.security.take(option, &mut value)? => {}
                _ => return Err(format!("unknown option {}", argument.display())),
            }
        }
        options.tls = options.security.tls()?;
        options.accounts = options.security.accounts()?;
        Ok(Some(options))
    }

    /// What a session is to do.
    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        let config = Config::new(self.name.clone())?
            .max_message_size(Some(self.max_size))
            .lone_line_endings(self.lone_line_endings)
            .timeouts(self.timeouts)
            .smtputf8(true)
            .tls(self.security.policy());
        Ok(match self.security.authentication() {
            Some(authentication) => config.authentication(authentication),
            None => config,
        })
    }
}

/// What to do; or the exit code of a program that has nothing to do.
pub(crate) fn prepare() -> Result<Options, ExitCode> {
    match Options::from_arguments(std::env::args_os().skip(1)) {
        Ok(Some(options)) => Ok(options),
        Ok(None) => {
            say(HELP.trim_end().replace("{security}", accounts::HELP));
            Err(ExitCode::SUCCESS)
        }
        Err(error) => {
            note(format_args!("receive: {error}; try --help"));
            Err(ExitCode::from(2))
        }
    }
}

/// A name that a server can have.
fn named(text: &str) -> Result<Host, Box<dyn Error>> {
    let name: Host = text.parse()?;
    Config::new(name.clone())?;
    Ok(name)
}
