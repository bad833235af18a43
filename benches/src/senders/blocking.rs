//! The project's own, over sockets that block.

use std::{
    fs::File,
    io::{Read, Write},
};

use bytes::Bytes;
use smtp_blocking::{CONNECT_TIMEOUT, Connector, Error, connect};
use smtp_proto::{
    TlsPolicy,
    client::{Chunking, Config, Outcome, Pipelining, Transaction},
    tls::ClientTls,
    types::{BodyType, Mailbox, ReversePath},
};

use crate::{
    Result,
    meter::Cost,
    work::{DEPTH, FROM, HOST, Job, NAME, Work},
};

pub(crate) fn run(job: Job) -> Result<Cost> {
    match job.work {
        Work::Session | Work::Quit | Work::Tls => sessions(job),
        Work::File => file(job),
        Work::Across | Work::Chunked => in_one_call(job),
        _ => one_after_another(job),
    }
}

fn one_after_another(job: Job) -> Result<Cost> {
    let mut connection = connector(&job)?.connect("127.0.0.1", job.address.port())?;
    let letters = Letters::new(&job)?;
    let cost = job.measure(
        |_, n| Ok(letters.take(n)),
        |_, transactions| {
            for transaction in transactions {
                accepted(&connection.send(transaction)?)?;
            }
            Ok(())
        },
    )?;
    connection.quit()?;
    Ok(cost)
}

/// As one who has many messages for a server.
fn in_one_call(job: Job) -> Result<Cost> {
    let mut connection = connector(&job)?.connect("127.0.0.1", job.address.port())?;
    let letters = Letters::new(&job)?;
    let cost = job.measure(
        |_, n| Ok(letters.take(n)),
        |_, transactions| {
            let mut result = Ok(());
            connection.send_all(named(transactions), |(), sent| note(&mut result, sent))?;
            result
        },
    )?;
    connection.quit()?;
    Ok(cost)
}

fn file(job: Job) -> Result<Cost> {
    let mut connection = connector(&job)?.connect("127.0.0.1", job.address.port())?;
    let letters = Letters::new(&job)?;
    let cost = job.measure(
        |job, n| {
            (0..n)
                .map(|_| Ok((letters.envelope(), File::open(job.file())?)))
                .collect()
        },
        |_, messages: Vec<_>| {
            for (transaction, mut file) in messages {
                let transaction = transaction
                    .size(file.metadata()?.len())
                    .body(BodyType::SevenBit);
                let outcome = connection.send_with(transaction, |content| {
                    let mut buffer = vec![0; 64 * 1024];
                    loop {
                        match file.read(&mut buffer)? {
                            0 => return Ok(()),
                            n => content.write_all(&buffer[..n])?,
                        }
                    }
                })?;
                accepted(&outcome)?;
            }
            Ok(())
        },
    )?;
    connection.quit()?;
    Ok(cost)
}

fn sessions(job: Job) -> Result<Cost> {
    let connector = connector(&job)?;
    let letters = Letters::new(&job)?;
    job.measure(
        |_, n| Ok(letters.take(n)),
        |job, transactions| {
            for transaction in transactions {
                // The name is what the certificate is for, and is not looked up.
                let stream = connect("127.0.0.1", job.address.port(), CONNECT_TIMEOUT)?;
                let mut connection = connector.open(stream, HOST)?;
                if job.work == Work::Quit {
                    accepted(&connection.send_and_quit(transaction)?)?;
                } else {
                    accepted(&connection.send(transaction)?)?;
                    connection.quit()?;
                }
            }
            Ok(())
        },
    )
}

/// As a user would have it.
fn connector(job: &Job) -> Result<Connector> {
    let config = config(job)?;
    Ok(match job.work {
        Work::Tls => Connector::new(config).tls(ClientTls::with_ca_pem(&job.certificate()?)?),
        _ => Connector::new(config),
    })
}

pub(super) fn config(job: &Job) -> Result<Config> {
    let config = Config::new(&NAME.parse()?)?;
    Ok(match job.work {
        Work::Tls => config.tls(TlsPolicy::Required),
        Work::Quit => config.quit_with_content(true),
        Work::Across => config.pipelining(Pipelining::AcrossTransactions),
        Work::Chunked => config
            .pipelining(Pipelining::AcrossTransactions)
            .chunking(Chunking::AtOnce)
            .max_unanswered_messages(DEPTH as usize),
        _ => config,
    })
}

/// Makes transactions, from addresses that were parsed once.
pub(super) struct Letters {
    from: ReversePath,
    to: Vec<Mailbox>,
    content: Bytes,
}

impl Letters {
    pub(super) fn new(job: &Job) -> Result<Self> {
        Ok(Self {
            from: FROM.parse()?,
            to: job
                .work
                .recipients()
                .map(|to| to.parse())
                .collect::<std::result::Result<_, _>>()?,
            content: job.content.clone(),
        })
    }

    pub(super) fn envelope(&self) -> Transaction {
        Transaction::new(self.from.clone()).recipients(self.to.iter().cloned())
    }

    pub(super) fn take(&self, n: u32) -> Vec<Transaction> {
        (0..n)
            .map(|_| self.envelope().content(self.content.clone()))
            .collect()
    }
}

/// What `send_all` takes. The names are not used here.
pub(super) fn named(all: Vec<Transaction>) -> impl Iterator<Item = ((), Transaction)> {
    all.into_iter().map(|transaction| ((), transaction))
}

/// Keeps what went wrong.
pub(super) fn note(result: &mut Result, sent: std::result::Result<Outcome, Error>) {
    let sent = sent
        .map_err(Into::into)
        .and_then(|outcome| accepted(&outcome));
    if sent.is_err() {
        *result = sent;
    }
}

pub(super) fn accepted(outcome: &Outcome) -> Result {
    if outcome.is_complete() {
        return Ok(());
    }
    Err(outcome.fate().to_string().into())
}
