//! A receiver that stores what it accepts in a Maildir.
//!
//! ```console
//! $ cargo run --example receive -- --listen 127.0.0.1:2525 --maildir mail
//! ```
//!
//! A message is written below `tmp`, flushed to the disk, and renamed into
//! `new`; only then is it accepted. Whatever the client has seen accepted is
//! there after the program, or the machine, was stopped at any moment.

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    fmt,
    fs::{self, File},
    io::{self, BufWriter, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{self, ExitCode},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use smtp_blocking::{Server, Service};
use smtp_proto::{
    server::{
        Config, Data, Date, Discarded, LoneLineEndings, Message, Rcpt, Rejection, ReturnPath,
        Timeouts,
    },
    types::{Domain, ForwardPath, Host},
};

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
  --help                    print this

Mail to an address whose local part is \"nobody\" is refused, to see how that
looks. Exit codes: 0 after --help, 2 for wrong usage, 1 for anything else.
";

fn main() -> ExitCode {
    let options = match Options::from_arguments(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            say(HELP.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            note(format_args!("{error}; try --help"));
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(error);
            ExitCode::FAILURE
        }
    }
}

/// Prints a line at once. Mail is received whether or not anybody reads that.
fn say(line: impl fmt::Display) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints what went wrong, on standard error.
fn note(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "receive: {line}");
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let about = |what: &dyn fmt::Display, error: io::Error| format!("{what}: {error}");
    let maildir = Maildir::create(&options.maildir)
        .map_err(|error| about(&options.maildir.display(), error))?;
    let maildir = Arc::new(maildir);
    let config = Config::new(options.name)?
        .max_message_size(Some(options.max_size))
        .lone_line_endings(options.lone_line_endings)
        .timeouts(options.timeouts)
        .smtputf8(true);
    let server = Server::bind(options.listen)
        .map_err(|error| about(&options.listen, error))?
        .max_connections(options.max_connections);
    say(format_args!("listening on {}", server.local_addr()?));
    let domains: Arc<[Domain]> = options.domains.into();
    server.run(&config, |peer| Receiver {
        peer: peer.ip(),
        domains: Arc::clone(&domains),
        maildir: Arc::clone(&maildir),
        delivery: None,
    })?;
    Ok(())
}

/// What decides for one connection.
struct Receiver {
    peer: IpAddr,
    domains: Arc<[Domain]>,
    maildir: Arc<Maildir>,
    /// The message that is coming in.
    delivery: Option<Delivery>,
}

impl Service for Receiver {
    fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> Result<(), Rejection> {
        let ForwardPath::Mailbox(mailbox) = rcpt.path() else {
            return Ok(()); // Postmaster
        };
        let is_ours = |domain| matches!(mailbox.host(), Host::Domain(host) if host == domain);
        if !self.domains.is_empty() && !self.domains.iter().any(is_ours) {
            return Err(Rejection::relaying_denied());
        }
        if mailbox.local_part().as_str() == "nobody" {
            return Err(Rejection::no_such_user());
        }
        Ok(())
    }

    fn data(&mut self, data: &Data<'_>) -> Result<(), Rejection> {
        let store = || {
            let mut delivery = self.maildir.deliver()?;
            let received = data
                .received(Date::new(unix_seconds(), 0))
                .with_peer(self.peer)
                .with_id(&delivery.name);
            let return_path = ReturnPath(data.envelope().reverse_path());
            write!(delivery.file, "{return_path}{received}")?;
            Ok(delivery)
        };
        self.delivery = Some(store().map_err(|error| no_room(&error))?);
        Ok(())
    }

    fn content(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        let written = match &mut self.delivery {
            Some(delivery) => delivery.file.write_all(piece),
            None => Ok(()),
        };
        written.map_err(|error| {
            self.delivery = None;
            no_room(&error)
        })
    }

    fn message(&mut self, _: &Message<'_>) -> Result<String, Rejection> {
        let delivery = self.delivery.take();
        let delivery = delivery.ok_or_else(Rejection::transaction_failed)?;
        let name = delivery.commit().map_err(|error| no_room(&error))?;
        Ok(format!("stored as {name}"))
    }

    fn discarded(&mut self, _: Discarded) {
        self.delivery = None;
    }
}

fn no_room(error: &io::Error) -> Rejection {
    note(error);
    Rejection::insufficient_storage()
}

/// A directory of messages, one file each, in the form that mail readers know.
struct Maildir {
    root: PathBuf,
    next: AtomicU64,
}

impl Maildir {
    fn create(root: &Path) -> io::Result<Self> {
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(root.join(part))?;
        }
        sync_directory(root)?;
        Ok(Self {
            root: root.to_owned(),
            next: AtomicU64::new(0),
        })
    }

    /// Begins a message, under a name that no other has had.
    fn deliver(&self) -> io::Result<Delivery> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let name = format!(
            "{}.M{}P{}Q{}.receive",
            now.as_secs(),
            now.subsec_micros(),
            process::id(),
            self.next.fetch_add(1, Ordering::Relaxed),
        );
        let unfinished = self.root.join("tmp").join(&name);
        Ok(Delivery {
            file: BufWriter::new(File::create_new(&unfinished)?),
            unfinished,
            directory: self.root.join("new"),
            name,
        })
    }
}

/// A message that is being written. Dropped before it is committed, it is gone.
struct Delivery {
    file: BufWriter<File>,
    unfinished: PathBuf,
    directory: PathBuf,
    name: String,
}

impl Delivery {
    /// Makes the message safe, and visible: all of it, or nothing.
    fn commit(mut self) -> io::Result<String> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let finished = self.directory.join(&self.name);
        fs::rename(&self.unfinished, &finished)?;
        // A message that is refused now must not be there.
        sync_directory(&self.directory).inspect_err(|_| {
            let _ = fs::remove_file(&finished);
        })?;
        Ok(std::mem::take(&mut self.name))
    }
}

/// Makes the names in a directory safe. Windows has no such thing.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

impl Drop for Delivery {
    fn drop(&mut self) {
        // It is not there any more if it was committed.
        let _ = fs::remove_file(&self.unfinished);
    }
}

fn unix_seconds() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or_default()
}

struct Options {
    listen: SocketAddr,
    maildir: PathBuf,
    name: Host,
    domains: Vec<Domain>,
    max_size: u64,
    max_connections: usize,
    timeouts: Timeouts,
    lone_line_endings: LoneLineEndings,
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
            max_connections: Server::DEFAULT_MAX_CONNECTIONS,
            timeouts: Timeouts::default(),
            lone_line_endings: LoneLineEndings::Refuse,
        };
        while let Some(argument) = arguments.next() {
            let option = argument.to_str().unwrap_or_default();
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{option} needs a value"))
            };
            match option {
                "--help" | "-h" => return Ok(None),
                "--listen" => options.listen = parsed(option, &value()?)?,
                "--maildir" => options.maildir = value()?.into(),
                "--name" => {
                    let name: Host = parsed(option, &value()?)?;
                    Config::new(name.clone()).map_err(|error| format!("{option}: {error}"))?;
                    options.name = name;
                }
                "--domain" => options.domains.push(parsed(option, &value()?)?),
                "--max-size" => options.max_size = parsed(option, &value()?)?,
                "--max-connections" => options.max_connections = parsed(option, &value()?)?,
                "--timeout" => {
                    let timeout = Duration::from_secs(parsed(option, &value()?)?);
                    options.timeouts.command = timeout;
                    options.timeouts.content = timeout;
                    options.timeouts.output = timeout;
                }
                "--repair-line-endings" => options.lone_line_endings = LoneLineEndings::Repair,
                _ => return Err(format!("unknown option {}", argument.display())),
            }
        }
        Ok(Some(options))
    }
}

/// The value of an option.
fn parsed<T: FromStr<Err: fmt::Display>>(option: &str, value: &OsStr) -> Result<T, String> {
    let wrong = |error: &dyn fmt::Display| format!("{option} '{}': {error}", value.display());
    let text = value.to_str().ok_or_else(|| wrong(&"not UTF-8"))?;
    text.parse().map_err(|error| wrong(&error))
}
