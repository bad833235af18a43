//! Sends a message.
//!
//! Without arguments it starts a receiver in the same program, at a loopback
//! port, sends it a message with an attachment, and shows the dialogue and what
//! became of the message. With arguments it sends to any server; see `--help`.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, Write},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use mail_builder::MessageBuilder;
use smtp_blocking::{CONNECT_TIMEOUT, Connection, Error, Server, Service, connect};
use smtp_proto::{
    client::{self, Fate, LineEndings, NotSent, Outcome, Transaction},
    server::{self, Data, Message, Rcpt, Rejection},
    types::{BodyType, ForwardPath, Host, ReversePath},
};

const HELP: &str = "\
Sends a message by SMTP.

Usage: send
       send --server HOST[:PORT] --from ADDRESS --to ADDRESS... [OPTION...] [FILE]

Without arguments, a receiver is started at a loopback port, and gets a message.
With arguments, FILE is sent, or standard input: a message with its header. Line
ends may be those of any system.

  --server HOST[:PORT]      a name, or an address ([::1]:2525); port 25 if none
                            is given
  --from ADDRESS            the sender; '<>' for none
  --to ADDRESS              a recipient; may be repeated
  --all-or-nothing          send to nobody if any recipient is refused
  --name NAME               what to be called (default: the local address)
  --timeout SECONDS         the longest wait for any one answer (default: as RFC
                            5321 wants it, from two minutes to ten)
  --quiet                   do not show the dialogue on standard error
  --help                    print this

What became of the message goes to standard output, a line for each recipient.
Exit codes: 0 accepted for all, 1 for some, 3 for none; 2 wrong usage; 4 in
doubt: the server may have the message or not; 5 no session with the server, or
it ended too early.
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if arguments.is_empty() {
        return demonstrate().unwrap_or_else(|error| {
            note(format_args!("send: {error}"));
            ExitCode::FAILURE
        });
    }
    let prepared = Options::from_arguments(arguments).and_then(|options| {
        let source = options
            .as_ref()
            .map(|options| Source::open(options.file.as_deref()))
            .transpose()?;
        Ok(options.zip(source))
    });
    match prepared {
        Ok(Some((options, source))) => send(&options, source),
        Ok(None) => {
            say(HELP.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            note(format_args!("send: {error}; try --help"));
            ExitCode::from(2)
        }
    }
}

/// Prints a line. What becomes of the message does not depend on whether
/// anybody reads that.
fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// As [`say`], on standard error.
fn note(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

// ---- to any server ----

fn send(options: &Options, source: Source) -> ExitCode {
    let mut connection = match open(options) {
        Ok(connection) => connection,
        Err(error) => return nothing_sent(options, &error, 5),
    };
    match transfer(&mut connection, options, source) {
        Ok(outcome) => {
            // The outcome is certain; how the session ends changes nothing.
            let _ = connection.quit();
            report(&options.to, &outcome);
            exit_code(&outcome)
        }
        // Some may have got it, in an earlier transaction.
        Err(Error::Content { error, outcome }) => {
            note(format_args!("send: {error}"));
            report(&options.to, &outcome);
            exit_code(&outcome)
        }
        Err(error) => nothing_sent(options, &error, if error.is_harmless() { 3 } else { 5 }),
    }
}

fn nothing_sent(options: &Options, error: &dyn fmt::Display, code: u8) -> ExitCode {
    for recipient in &options.to {
        say(format_args!("{recipient}: not sent: {error}"));
    }
    ExitCode::from(code)
}

fn open(options: &Options) -> Result<Connection, Box<dyn std::error::Error>> {
    let timeout = options.timeout.unwrap_or(CONNECT_TIMEOUT);
    let stream = connect(&options.host, options.port, timeout)?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => stream.local_addr()?.ip().to_canonical().into(),
    };
    let mut config = client::Config::new(&name)?
        .line_endings(LineEndings::Repair)
        // Whether a line is too long is for the server to say here.
        .max_line(None)
        .long_local_parts(true);
    if let Some(timeout) = options.timeout {
        config = config.timeouts(client::Timeouts::all(timeout));
    }
    Ok(if options.quiet {
        Connection::open(stream, config)?
    } else {
        Connection::open_with_transcript(stream, config, |entry| note(entry))?
    })
}

fn transfer(
    connection: &mut Connection,
    options: &Options,
    source: Source,
) -> Result<Outcome, Error> {
    let transaction = Transaction::new(options.from.clone())
        .recipients(options.to.clone())
        .policy(options.policy);
    let (mut file, survey) = match source {
        Source::Memory(content) => return connection.send(transaction.content(content)),
        Source::File(file, survey) => (file, survey),
    };
    let mut progress = Progress::new(survey.length, options.quiet);
    let transaction = transaction.size(survey.size).body(survey.body);
    connection.send_with(transaction, |content| {
        // From its beginning, also if the server wants it a second time.
        file.rewind()?;
        progress.start();
        let mut buffer = vec![0; 64 * 1024];
        let mut left = survey.length;
        // What a server does not want need not be read.
        while left > 0 && content.is_wanted() {
            let n = (&file).take(left).read(&mut buffer)?;
            if n == 0 {
                // Half a message must not be delivered as a whole one.
                return Err(io::Error::other("the file has become shorter"));
            }
            content.write_all(buffer.get(..n).unwrap_or_default())?;
            left -= n as u64;
            progress.add(n);
        }
        Ok(())
    })
}

fn report(recipients: &[ForwardPath], outcome: &Outcome) {
    for (recipient, fate) in recipients.iter().zip(outcome.recipients()) {
        say(format_args!("{recipient}: {fate}"));
    }
}

fn exit_code(outcome: &Outcome) -> ExitCode {
    let all = outcome.recipients();
    ExitCode::from(match outcome.fate() {
        Fate::InDoubt(_) => 4,
        _ if outcome.is_complete() => 0,
        _ if all.iter().any(Fate::is_accepted) => 1,
        Fate::NotSent(NotSent::Session(_)) => 5,
        _ => 3,
    })
}

/// Where the message comes from.
enum Source {
    /// Something that can be read only once: standard input, a pipe.
    Memory(Vec<u8>),
    /// A file, which can be read again.
    File(File, Survey),
}

/// What there is to know of a file before it is sent.
struct Survey {
    /// How many octets it has,
    length: u64,
    /// and how many with every line end as CRLF.
    size: u64,
    body: BodyType,
}

impl Source {
    fn open(path: Option<&OsStr>) -> Result<Self, String> {
        let Some(path) = path.filter(|&path| path != "-") else {
            let mut content = Vec::new();
            let read = io::stdin().read_to_end(&mut content);
            read.map_err(|error| format!("standard input: {error}"))?;
            return Ok(Self::Memory(content));
        };
        let source = || {
            let mut file = File::open(path)?;
            if file.metadata()?.is_file() {
                let survey = survey(BufReader::new(&mut file))?;
                return Ok(Self::File(file, survey));
            }
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            Ok(Self::Memory(content))
        };
        source().map_err(|error: io::Error| format!("{}: {error}", path.display()))
    }
}

fn survey(mut text: impl BufRead) -> io::Result<Survey> {
    let mut survey = Survey {
        length: 0,
        size: 0,
        body: BodyType::SevenBit,
    };
    let mut last = b'\n';
    loop {
        let block = text.fill_buf()?;
        let Some(&end) = block.last() else {
            // The last line gets a line end, too.
            survey.size += if last == b'\n' { 0 } else { 2 };
            return Ok(survey);
        };
        if !block.is_ascii() {
            survey.body = BodyType::EightBitMime;
        }
        for &octet in block {
            let lone_cr = last == b'\r' && octet != b'\n';
            let lone_lf = octet == b'\n' && last != b'\r';
            survey.size += 1 + u64::from(lone_cr) + u64::from(lone_lf);
            last = octet;
        }
        last = end;
        let length = block.len();
        survey.length += length as u64;
        text.consume(length);
    }
}

/// How far a large message has come, on standard error.
struct Progress {
    size: u64,
    done: u64,
    shown: u64,
    hidden: bool,
}

impl Progress {
    /// Smaller messages are gone before anybody has read it.
    const WORTH_SHOWING: u64 = 4 * 1024 * 1024;

    fn new(size: u64, quiet: bool) -> Self {
        Self {
            size,
            done: 0,
            shown: 0,
            hidden: quiet || size < Self::WORTH_SHOWING,
        }
    }

    fn start(&mut self) {
        (self.done, self.shown) = (0, 0);
    }

    fn add(&mut self, octets: usize) {
        self.done += octets as u64;
        let percent = self.done.saturating_mul(100) / self.size.max(1);
        if !self.hidden && percent >= self.shown + 10 {
            self.shown = percent - percent % 10;
            let percent = self.shown.min(100);
            note(format_args!("   {percent:3} % of {} octets", self.size));
        }
    }
}

struct Options {
    host: String,
    port: u16,
    from: ReversePath,
    to: Vec<ForwardPath>,
    policy: client::RecipientPolicy,
    name: Option<Host>,
    timeout: Option<Duration>,
    quiet: bool,
    file: Option<OsString>,
}

impl Options {
    /// `None` if help was asked for.
    fn from_arguments(arguments: Vec<OsString>) -> Result<Option<Self>, String> {
        let (mut server, mut from, mut file) = (None, None, None);
        let (mut name, mut timeout) = (None, None);
        let mut to = Vec::new();
        let mut policy = client::RecipientPolicy::Partial;
        let mut quiet = false;
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
                "--name" => name = Some(parsed(option, value(), named)?),
                "--timeout" => {
                    let seconds = parsed(option, value(), str::parse)?;
                    timeout = Some(Duration::from_secs(seconds));
                }
                "--quiet" | "-q" => quiet = true,
                _ if argument.as_encoded_bytes().starts_with(b"-") && option != "-" => {
                    return Err(format!("unknown option {}", argument.display()));
                }
                _ if file.is_none() => file = Some(argument),
                _ => return Err(format!("one file only, and not {}", argument.display())),
            }
        }
        let (host, port) = server.ok_or("--server is missing")?;
        if to.is_empty() {
            return Err("--to is missing".into());
        }
        Ok(Some(Self {
            host,
            port,
            from: from.ok_or("--from is missing")?,
            to,
            policy,
            name,
            timeout,
            quiet,
            file,
        }))
    }
}

/// The value of an option.
fn parsed<T, E: fmt::Display>(
    option: &str,
    value: Option<OsString>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let value = value.ok_or_else(|| format!("{option} needs a value"))?;
    let wrong = |error: &dyn fmt::Display| format!("{option} '{}': {error}", value.display());
    let text = value.to_str().ok_or_else(|| wrong(&"not UTF-8"))?;
    parse(text).map_err(|error| wrong(&error))
}

/// A name that can be sent.
fn named(text: &str) -> Result<Host, Box<dyn std::error::Error>> {
    let name = text.parse()?;
    client::Config::new(&name)?;
    Ok(name)
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

// ---- to a receiver of our own ----

fn demonstrate() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let server = Server::bind("127.0.0.1:0")?;
    let address = server.local_addr()?;
    let shutdown = server.shutdown_handle()?;
    let config = server::Config::new("mx.example.net".parse()?)?;
    let inbox = Arc::new(Mutex::new(Vec::new()));
    let stored = Arc::clone(&inbox);
    let receiver = thread::spawn(move || {
        server.run(&config, |_peer| Receiver {
            inbox: Arc::clone(&stored),
            incoming: Vec::new(),
        })
    });
    say(format_args!(
        "A receiver listens on {address}. The dialogue with it:\n"
    ));

    let config = client::Config::new(&"client.example.org".parse()?)?;
    let stream = connect("127.0.0.1", address.port(), CONNECT_TIMEOUT)?;
    let mut connection = Connection::open_with_transcript(stream, config, |entry| {
        say(format_args!(
            "  {}",
            entry.to_string().replace('\n', "\n  ")
        ));
    })?;
    let recipients: Vec<ForwardPath> =
        vec!["bob@example.net".parse()?, "nobody@example.net".parse()?];
    let outcome = connection.send(
        Transaction::new("alice@example.org".parse::<ReversePath>()?)
            .recipients(recipients.clone())
            .content(message()?),
    )?;
    connection.quit()?;

    say("\nWhat became of the message:\n");
    report(&recipients, &outcome);
    shutdown.shutdown();
    let _ = receiver.join();
    let inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
    for message in inbox.iter() {
        say(format_args!(
            "\nWhat the receiver has, {} octets:\n",
            message.len()
        ));
        for line in String::from_utf8_lossy(message).lines() {
            say(format_args!("  {line}"));
        }
    }
    // One recipient is refused on purpose.
    Ok(match (outcome.fate(), inbox.len()) {
        (Fate::Accepted(_), 1) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// A message with everything that people put into one.
fn message() -> io::Result<Vec<u8>> {
    MessageBuilder::new()
        .from(("Alice", "alice@example.org"))
        .to(("Bob Kovačič", "bob@example.net"))
        .reply_to("replies@example.org")
        .subject("Lepo pozdravljen, KOVAČIČ ✉")
        .text_body("Hello.\n.\nThe line above is a single dot.\n")
        .html_body("<p>Hello.</p>\n<p>And this is <b>HTML</b>.</p>\n")
        .attachment("text/plain", "načrt.txt", "The plan: to be sent.\n")
        .write_to_vec()
}

/// Keeps messages in memory, for anybody but `nobody`.
struct Receiver {
    inbox: Arc<Mutex<Vec<Vec<u8>>>>,
    incoming: Vec<u8>,
}

impl Service for Receiver {
    fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> Result<(), Rejection> {
        match rcpt.path().mailbox() {
            Some(mailbox) if mailbox.local_part().as_str() == "nobody" => {
                Err(Rejection::no_such_user())
            }
            _ => Ok(()),
        }
    }

    fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
        self.incoming.clear();
        Ok(())
    }

    fn content(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.incoming.extend_from_slice(piece);
        Ok(())
    }

    fn message(&mut self, _: &Message<'_>) -> Result<String, Rejection> {
        let message = std::mem::take(&mut self.incoming);
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.push(message);
        Ok(format!("stored as number {}", inbox.len()))
    }
}
