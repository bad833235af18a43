//! `mail-send`, on tokio in one thread.

use std::{fs, sync::Arc};

use mail_send::{
    SmtpClient, SmtpClientBuilder,
    smtp::message::{Address, Message},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::{Builder, Runtime},
};
use tokio_rustls::TlsConnector;

use super::floor;
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

/// A runtime of one thread.
pub(super) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn one_after_another(job: Job, runtime: &Runtime) -> Result<Cost> {
    let mut client = runtime.block_on(builder(&job)?.connect_plain())?;
    let content = job.content.clone();
    let cost = job.measure(
        |job, n| Ok(messages(job, &content, n)),
        |job, mut messages| {
            runtime.block_on(async {
                for message in &mut messages {
                    if job.work == Work::File {
                        // It takes nothing but the whole.
                        message.body = fs::read(job.file())?.into();
                    }
                }
                send(&mut client, messages).await
            })
        },
    )?;
    runtime.block_on(client.quit())?;
    Ok(cost)
}

fn connections(job: Job, runtime: &Runtime) -> Result<Cost> {
    let builder = builder(&job)?;
    let mut clients: Vec<SmtpClient<TcpStream>> = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(runtime.block_on(builder.connect_plain())?);
    }
    // A task may borrow nothing.
    let content: &'static [u8] = job.content.to_vec().leak();
    job.measure(
        |job, n| {
            Ok((0..CONNECTIONS)
                .map(|_| messages(job, content, n / CONNECTIONS))
                .collect())
        },
        |_, shares: Vec<_>| {
            runtime.block_on(async {
                let tasks: Vec<_> = std::mem::take(&mut clients)
                    .into_iter()
                    .zip(shares)
                    .map(|(mut client, share)| {
                        tokio::spawn(async move {
                            send(&mut client, share).await?;
                            Result::Ok(client)
                        })
                    })
                    .collect();
                for task in tasks {
                    clients.push(task.await??);
                }
                Ok(())
            })
        },
    )
}

fn sessions(job: Job, runtime: &Runtime) -> Result<Cost> {
    let builder = builder(&job)?;
    let content = job.content.clone();
    job.measure(
        |job, n| Ok(messages(job, &content, n)),
        |job, messages| {
            runtime.block_on(async {
                for message in messages {
                    if job.work == Work::Tls {
                        let mut client = builder.connect().await?;
                        client.send(message).await?;
                        client.quit().await?;
                    } else {
                        let mut client = builder.connect_plain().await?;
                        client.send(message).await?;
                        client.quit().await?;
                    }
                }
                Ok(())
            })
        },
    )
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut SmtpClient<S>,
    messages: Vec<Message<'_>>,
) -> Result {
    for message in messages {
        client.send(message).await?;
    }
    Ok(())
}

fn messages<'a>(job: &Job, content: &'a [u8], n: u32) -> Vec<Message<'a>> {
    let message = Message {
        mail_from: FROM.into(),
        rcpt_to: job.work.recipients().map(Address::from).collect(),
        body: content.into(),
    };
    vec![message; n as usize]
}

fn builder(job: &Job) -> Result<SmtpClientBuilder<String>> {
    let config = match job.work {
        Work::Tls => floor::trusting(&job.certificate()?)?,
        _ => floor::trusting_nobody()?,
    };
    let tls = TlsConnector::from(Arc::new(config));
    let mut builder =
        SmtpClientBuilder::new_with_tls_connector(HOST.to_owned(), job.address.port(), tls)
            .implicit_tls(false)
            .helo_host(NAME);
    builder.addr = job.address.to_string();
    Ok(builder)
}
