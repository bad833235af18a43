//! The project's own, on smol: async-io, and async-executor in one thread.

use async_executor::LocalExecutor;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future::block_on};
use smtp_proto::{client::Transaction, tls::ClientTls, types::BodyType};
use smtp_smol::{CONNECT_TIMEOUT, Connection, Connector, connect};

use super::blocking::{Letters, accepted, config, named, note};
use crate::{
    Result,
    meter::Cost,
    work::{CONNECTIONS, HOST, Job, Work},
};

pub(crate) fn run(job: Job) -> Result<Cost> {
    match job.work {
        Work::Session | Work::Quit | Work::Tls => sessions(job),
        Work::File => file(job),
        Work::Connections => connections(job),
        Work::Across | Work::Chunked => in_one_call(job),
        _ => one_after_another(job),
    }
}

fn one_after_another(job: Job) -> Result<Cost> {
    let mut connection = block_on(connector(&job)?.connect("127.0.0.1", job.address.port()))?;
    let letters = Letters::new(&job)?;
    let cost = job.measure(
        |_, n| Ok(letters.take(n)),
        |_, transactions| block_on(send(&mut connection, transactions)),
    )?;
    block_on(connection.quit())?;
    Ok(cost)
}

/// As one who has many messages for a server.
fn in_one_call(job: Job) -> Result<Cost> {
    let mut connection = block_on(connector(&job)?.connect("127.0.0.1", job.address.port()))?;
    let letters = Letters::new(&job)?;
    let cost = job.measure(
        |_, n| Ok(letters.take(n)),
        |_, transactions| {
            let mut result = Ok(());
            let each = |(), sent| note(&mut result, sent);
            block_on(connection.send_all(named(transactions), each))?;
            result
        },
    )?;
    block_on(connection.quit())?;
    Ok(cost)
}

async fn send(connection: &mut Connection, transactions: Vec<Transaction>) -> Result {
    for transaction in transactions {
        accepted(&connection.send(transaction).await?)?;
    }
    Ok(())
}

fn file(job: Job) -> Result<Cost> {
    let mut connection = block_on(connector(&job)?.connect("127.0.0.1", job.address.port()))?;
    let letters = Letters::new(&job)?;
    let length = std::fs::metadata(job.file())?.len();
    let cost = job.measure(
        |_, n| Ok(n),
        |job, n| {
            block_on(async {
                for _ in 0..n {
                    let transaction = letters.envelope().size(length).body(BodyType::SevenBit);
                    let file = std::fs::File::open(job.file())?;
                    let mut file = futures_lite::io::AssertAsync::new(file);
                    let outcome = connection
                        .send_with(transaction, async |content| {
                            let mut buffer = vec![0; 64 * 1024];
                            loop {
                                match file.read(&mut buffer).await? {
                                    0 => return Ok(()),
                                    n => content.write_all(&buffer[..n]).await?,
                                }
                            }
                        })
                        .await?;
                    accepted(&outcome)?;
                }
                Ok(())
            })
        },
    )?;
    block_on(connection.quit())?;
    Ok(cost)
}

/// As many tasks as connections, each with its share of the messages.
fn connections(job: Job) -> Result<Cost> {
    let connector = connector(&job)?;
    let executor = LocalExecutor::new();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let connecting = connector.connect("127.0.0.1", job.address.port());
        connections.push(block_on(executor.run(connecting))?);
    }
    let letters = Letters::new(&job)?;
    job.measure(
        |_, n| {
            Ok((0..CONNECTIONS)
                .map(|_| letters.take(n / CONNECTIONS))
                .collect())
        },
        |_, shares: Vec<_>| {
            let tasks: Vec<_> = std::mem::take(&mut connections)
                .into_iter()
                .zip(shares)
                .map(|(mut connection, share)| {
                    executor.spawn(async move {
                        send(&mut connection, share).await?;
                        Result::Ok(connection)
                    })
                })
                .collect();
            block_on(executor.run(async {
                for task in tasks {
                    connections.push(task.await?);
                }
                Ok(())
            }))
        },
    )
}

fn sessions(job: Job) -> Result<Cost> {
    let connector = connector(&job)?;
    let letters = Letters::new(&job)?;
    job.measure(
        |_, n| Ok(letters.take(n)),
        |job, transactions| {
            block_on(async {
                for transaction in transactions {
                    let port = job.address.port();
                    let stream = connect("127.0.0.1", port, CONNECT_TIMEOUT).await?;
                    let mut connection = connector.open(stream, HOST).await?;
                    if job.work == Work::Quit {
                        accepted(&connection.send_and_quit(transaction).await?)?;
                    } else {
                        accepted(&connection.send(transaction).await?)?;
                        connection.quit().await?;
                    }
                }
                Ok(())
            })
        },
    )
}

fn connector(job: &Job) -> Result<Connector> {
    let config = config(job)?;
    Ok(match job.work {
        Work::Tls => Connector::new(config).tls(ClientTls::with_ca_pem(&job.certificate()?)?),
        _ => Connector::new(config),
    })
}
