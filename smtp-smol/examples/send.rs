//! Sends messages: what the example of the same name of `smtp-blocking` does,
//! without blocking.
//!
//! Without arguments it starts a receiver in the same thread, at a loopback
//! port, sends it a message with an attachment, and shows the dialogue and what
//! became of the message. With arguments it sends to any server; see `--help`.

#[path = "../../smtp-blocking/examples/common/option.rs"]
mod option;
#[path = "../../smtp-blocking/examples/common/report.rs"]
mod report;
#[path = "../../smtp-blocking/examples/common/sample.rs"]
mod sample;
#[path = "../../smtp-blocking/examples/common/security.rs"]
mod security;
#[path = "../../smtp-blocking/examples/common/send_options.rs"]
mod send_options;
#[path = "../../smtp-blocking/examples/common/several.rs"]
mod several;
#[path = "../../smtp-blocking/examples/common/source.rs"]
mod source;
#[path = "../../smtp-blocking/examples/common/terminal.rs"]
mod terminal;

use std::{
    ffi::OsString,
    io::{self, SeekFrom},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use blocking::Unblock;
use bytes::Bytes;
use futures_lite::{
    AsyncReadExt, AsyncSeekExt, AsyncWriteExt,
    future::{block_on, zip},
};
use smtp_proto::{
    client::{self, Fate, Outcome, Transaction},
    server::{self, Data, Message, Rcpt, Rejection},
    types::{ForwardPath, ReversePath},
};
use smtp_smol::{CONNECT_TIMEOUT, Connection, Connector, Error, Server, Service, connect};

use report::{Tally, exit_code, nothing_sent, report};
use send_options::{Options, prepare};
use several::messages;
use source::{Progress, Source, Sources};
use terminal::{note, say};

/// How much of a file is read at once, and ahead, in octets.
const READ_LEN: usize = 32 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if arguments.is_empty() {
        return block_on(demonstrate()).unwrap_or_else(|error| {
            note(format_args!("send: {error}"));
            ExitCode::FAILURE
        });
    }
    match prepare(arguments) {
        Ok((options, sources)) => block_on(send(&options, sources)),
        Err(code) => code,
    }
}

// ---- to any server ----

async fn send(options: &Options, sources: Sources) -> ExitCode {
    let mut connection = match open(options).await {
        Ok(connection) => connection,
        Err(error) => {
            note(format_args!("send: {error}"));
            return nothing_sent(&options.to, &error, 5);
        }
    };
    let source = match sources {
        Sources::One(source) => source,
        Sources::Several(contents) => return send_several(connection, options, &contents).await,
    };
    match transfer(&mut connection, options, source).await {
        Ok(outcome) => {
            // The outcome is certain; how the session ends changes nothing.
            let _ = connection.quit().await;
            report(&options.to, &outcome);
            exit_code(&outcome)
        }
        // Some may have got it, in an earlier transaction.
        Err(Error::Content { error, outcome }) => {
            note(format_args!("send: {error}"));
            report(&options.to, &outcome);
            exit_code(&outcome)
        }
        Err(error) => nothing_sent(&options.to, &error, if error.is_harmless() { 3 } else { 5 }),
    }
}

async fn open(options: &Options) -> Result<Connection, Box<dyn std::error::Error>> {
    let timeout = options.timeout.unwrap_or(CONNECT_TIMEOUT);
    let stream = connect(&options.host, options.port, timeout).await?;
    let config = options.config(stream.local_addr()?.ip())?;
    let connector = |config| {
        let mut connector = Connector::new(config).timeout(timeout);
        if let Some(tls) = &options.tls {
            connector = connector.tls(tls.clone());
        }
        if !options.quiet {
            connector = connector.transcript(|| |entry| note(entry));
        }
        connector
    };
    let opened = connector(config.clone()).open(stream, &options.host).await;
    // TLS that is better than nothing may be no good.
    let error = opened.as_ref().err().and_then(Error::session);
    Ok(match error.and_then(|error| config.after(error)) {
        Some(config) => {
            let connector = connector(config);
            connector.connect(&options.host, options.port).await?
        }
        None => opened?,
    })
}

async fn transfer(
    connection: &mut Connection,
    options: &Options,
    source: Source,
) -> Result<Outcome, Error> {
    let transaction = options.transaction(&options.to);
    let (file, survey) = match source {
        Source::Memory(content) => return connection.send(transaction.content(content)).await,
        Source::File(file, survey) => (file, survey),
    };
    // Files are read in a thread: there is no waiting for a disk otherwise.
    let mut file = Unblock::with_capacity(READ_LEN, file);
    let mut progress = Progress::new(survey.length, options.quiet);
    let transaction = transaction.size(survey.size).body(survey.body);
    connection
        .send_with(transaction, async |content| {
            // From its beginning, also if the server wants it a second time.
            file.seek(SeekFrom::Start(0)).await?;
            progress.start();
            let mut buffer = vec![0; READ_LEN];
            let mut left = survey.length;
            // What a server does not want need not be read.
            while left > 0 && content.is_wanted() {
                let n = (&mut file).take(left).read(&mut buffer).await?;
                if n == 0 {
                    // Half a message must not be delivered as a whole one.
                    return Err(io::Error::other("the file has become shorter"));
                }
                content
                    .write_all(buffer.get(..n).unwrap_or_default())
                    .await?;
                left -= n as u64;
                progress.add(n);
            }
            Ok(())
        })
        .await
}

async fn send_several(
    mut connection: Connection,
    options: &Options,
    contents: &[Bytes],
) -> ExitCode {
    let mut messages = messages(options, contents).peekable();
    let mut tally = Tally::default();
    let error: Box<dyn std::error::Error> = loop {
        let some = messages.by_ref().take(options.reconnect);
        let sent = connection
            .send_all(some, |name, sent| tally.report(name, sent))
            .await;
        if let Err(error) = sent {
            break error.into();
        }
        let _ = connection.quit().await;
        if messages.peek().is_none() {
            say(tally);
            return tally.exit_code();
        }
        connection = match open(options).await {
            Ok(connection) => connection,
            Err(error) => break error,
        };
    };
    note(format_args!("send: {error}"));
    tally.cut_off();
    messages.for_each(|(name, _)| tally.report(name, Err(&error)));
    say(tally);
    tally.exit_code()
}

// ---- to a receiver of our own ----

async fn demonstrate() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let server = Server::bind("127.0.0.1:0")?;
    let address = server.local_addr()?;
    let shutdown = server.shutdown_handle();
    let config = server::Config::new("mx.example.net".parse()?)?;
    let inbox = Arc::new(Mutex::new(Vec::new()));
    let receiving = server.run(&config, |_peer| Receiver {
        inbox: Arc::clone(&inbox),
        incoming: Vec::new(),
    });
    say(format_args!(
        "A receiver listens on {address}. The dialogue with it:\n"
    ));

    let recipients: Vec<ForwardPath> =
        vec!["bob@example.net".parse()?, "nobody@example.net".parse()?];
    let sending = async {
        let sent = deliver(address.port(), &recipients).await;
        shutdown.shutdown();
        sent
    };
    let (_, outcome) = zip(receiving, sending).await;
    let outcome = outcome?;

    say("\nWhat became of the message:\n");
    report(&recipients, &outcome);
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

async fn deliver(
    port: u16,
    recipients: &[ForwardPath],
) -> Result<Outcome, Box<dyn std::error::Error>> {
    let config = client::Config::new(&"client.example.org".parse()?)?;
    let stream = connect("127.0.0.1", port, CONNECT_TIMEOUT).await?;
    let opening = Connection::open_with_transcript(stream, config, |entry| {
        say(format_args!(
            "  {}",
            entry.to_string().replace('\n', "\n  ")
        ));
    });
    let mut connection = opening.await?;
    let outcome = connection
        .send(
            Transaction::new("alice@example.org".parse::<ReversePath>()?)
                .recipients(recipients.to_vec())
                .content(sample::message()?),
        )
        .await?;
    connection.quit().await?;
    Ok(outcome)
}

/// Keeps messages in memory, for anybody but `nobody`.
struct Receiver {
    inbox: Arc<Mutex<Vec<Vec<u8>>>>,
    incoming: Vec<u8>,
}

impl Service for Receiver {
    async fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> Result<(), Rejection> {
        match rcpt.path().mailbox() {
            Some(mailbox) if mailbox.local_part().as_str() == "nobody" => {
                Err(Rejection::no_such_user())
            }
            _ => Ok(()),
        }
    }

    async fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
        self.incoming.clear();
        Ok(())
    }

    async fn content(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.incoming.extend_from_slice(piece);
        Ok(())
    }

    async fn message(&mut self, _: &Message<'_>) -> Result<String, Rejection> {
        let message = std::mem::take(&mut self.incoming);
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.push(message);
        Ok(format!("stored as number {}", inbox.len()))
    }
}
