//! The project's own, over sockets that block.

use std::{
    fs::File,
    io::{Read, Write},
};

use bytes::Bytes;
use smtp_blocking::{Connection, Connector};
use smtp_proto::{
    TlsPolicy,
    client::{Config, Outcome, Transaction},
    tls::ClientTls,
    types::{BodyType, Mailbox, ReversePath},
};

use crate::{
    Result,
    meter::Cost,
    work::{FROM, HOST, Job, NAME, Work},
};

pub(crate) fn run(job: Job) -> Result<Cost> {
    match job.work {
        Work::Session | Work::Tls => sessions(job),
        Work::File => file(job),
        Work::Across | Work::Chunked => Err("cannot do that yet".into()),
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
                let mut connection: Connection = connector.connect(HOST, job.address.port())?;
                accepted(&connection.send(transaction)?)?;
                connection.quit()?;
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

pub(super) fn accepted(outcome: &Outcome) -> Result {
    if outcome.is_complete() {
        return Ok(());
    }
    Err(outcome.fate().to_string().into())
}
