//! `async-smtp`, on tokio in one thread, over a stream as its documentation has
//! it.

use std::{fs, sync::Arc};

use async_smtp::{
    EmailAddress, Envelope, SendableEmail, SmtpClient, SmtpTransport, extension::ClientId,
};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncBufRead, AsyncWrite, BufReader},
    net::TcpStream,
    runtime::Runtime,
};
use tokio_rustls::TlsConnector;

use super::{floor, mail_send::runtime};
use crate::{
    Result,
    meter::Cost,
    work::{CONNECTIONS, FROM, HOST, Job, NAME, Work},
};

pub(crate) fn run(job: Job) -> Result<Cost> {
    let runtime = runtime()?;
    match job.work {
        Work::Session | Work::Tls => sessions(job, &runtime),
        Work::Connections => connections(job, &runtime),
        _ => one_after_another(job, &runtime),
    }
}

fn one_after_another(job: Job, runtime: &Runtime) -> Result<Cost> {
    let mut transport = runtime.block_on(connect(&job))?;
    let cost = job.measure(prepare, |_, messages| {
        runtime.block_on(send(&mut transport, messages))
    })?;
    runtime.block_on(transport.quit())?;
    Ok(cost)
}

fn connections(job: Job, runtime: &Runtime) -> Result<Cost> {
    let mut transports = Vec::new();
    for _ in 0..CONNECTIONS {
        transports.push(runtime.block_on(connect(&job))?);
    }
    job.measure(
        |job, n| {
            (0..CONNECTIONS)
                .map(|_| prepare(job, n / CONNECTIONS))
                .collect()
        },
        |_, shares: Vec<_>| {
            runtime.block_on(async {
                let tasks: Vec<_> = std::mem::take(&mut transports)
                    .into_iter()
                    .zip(shares)
                    .map(|(mut transport, share)| {
                        tokio::spawn(async move {
                            send(&mut transport, share).await?;
                            Result::Ok(transport)
                        })
                    })
                    .collect();
                for task in tasks {
                    transports.push(task.await??);
                }
                Ok(())
            })
        },
    )
}

fn sessions(job: Job, runtime: &Runtime) -> Result<Cost> {
    let tls = match job.work {
        Work::Tls => Some(TlsConnector::from(Arc::new(floor::trusting(
            &job.certificate()?,
        )?))),
        _ => None,
    };
    let host = ServerName::try_from(HOST)?;
    job.measure(prepare, |job, messages| {
        runtime.block_on(async {
            for message in messages {
                let mut transport = connect(job).await?;
                if let Some(tls) = &tls {
                    let stream = transport.starttls().await?.into_inner();
                    let stream = BufReader::new(tls.connect(host.clone(), stream).await?);
                    let client = client().without_greeting();
                    let mut transport = SmtpTransport::new(client, stream).await?;
                    transport.send(message).await?;
                    transport.quit().await?;
                } else {
                    transport.send(message).await?;
                    transport.quit().await?;
                }
            }
            Ok(())
        })
    })
}

/// What it sends is its own.
fn prepare(job: &Job, n: u32) -> Result<Vec<SendableEmail>> {
    let to: std::result::Result<Vec<_>, _> = job.work.recipients().map(EmailAddress::new).collect();
    let envelope = Envelope::new(Some(EmailAddress::new(FROM.to_owned())?), to?)?;
    let message = || {
        let content = match job.work {
            Work::File => fs::read(job.file())?,
            _ => job.content.to_vec(),
        };
        Ok(SendableEmail::new(envelope.clone(), content))
    };
    (0..n).map(|_| message()).collect()
}

async fn send<S: AsyncBufRead + AsyncWrite + Unpin>(
    transport: &mut SmtpTransport<S>,
    messages: Vec<SendableEmail>,
) -> Result {
    for message in messages {
        transport.send(message).await?;
    }
    Ok(())
}

async fn connect(job: &Job) -> Result<SmtpTransport<BufReader<TcpStream>>> {
    let stream = BufReader::new(TcpStream::connect(job.address).await?);
    Ok(SmtpTransport::new(client(), stream).await?)
}

fn client() -> SmtpClient {
    SmtpClient::new().hello_name(ClientId::new(NAME.to_owned()))
}
