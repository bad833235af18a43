//! The floor: every request is serialised beforehand, and of replies the lines
//! are counted.

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use memchr::memchr_iter;
use rustix::fs::sendfile;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use crate::{
    Result,
    meter::Cost,
    work::{DEPTH, FROM, HOST, Job, NAME, Work},
};

/// The most that the system is asked to copy at a time.
const MOST: usize = 1 << 30;

/// How many lines the sink replies to EHLO with, without STARTTLS.
const EHLO_LINES: usize = 8;

/// Something to write, and how many lines come back.
#[derive(Clone, Debug)]
pub struct Flight {
    pub octets: Vec<u8>,
    pub replies: usize,
}

/// MAIL, RCPT and DATA.
pub fn envelope(work: Work) -> Flight {
    let mut octets = format!("MAIL FROM:<{FROM}>\r\n").into_bytes();
    let mut replies = 2;
    for recipient in work.recipients() {
        octets.extend_from_slice(format!("RCPT TO:<{recipient}>\r\n").as_bytes());
        replies += 1;
    }
    octets.extend_from_slice(b"DATA\r\n");
    Flight { octets, replies }
}

/// The content and its end.
pub fn content(content: &[u8]) -> Flight {
    let mut octets = Vec::with_capacity(content.len() + content.len() / 2 + 5);
    let mut stuffer = smtp_proto::wire::Stuffer::new();
    stuffer.stuff(content, |piece| octets.extend_from_slice(piece.octets()));
    octets.extend_from_slice(stuffer.finish());
    Flight { octets, replies: 1 }
}

pub(crate) fn run(job: Job) -> Result<Cost> {
    match job.work {
        Work::Session | Work::Quit => sessions(job),
        Work::Tls => sessions_in_tls(job),
        Work::Across => across(job),
        Work::Chunked => chunked(job),
        Work::File => file(job),
        _ => one_after_another(job),
    }
}

fn one_after_another(job: Job) -> Result<Cost> {
    let mut line = Line::open(&job)?;
    let flights = [envelope(job.work), content(&job.content)];
    job.measure(
        |_, n| Ok(n),
        |_, n| (0..n).try_for_each(|_| flights.iter().try_for_each(|flight| line.send(flight))),
    )
}

/// The next envelope goes with the end of the content.
fn across(job: Job) -> Result<Cost> {
    let mut line = Line::open(&job)?;
    let first = envelope(job.work);
    let last = content(&job.content);
    let mut between = last.clone();
    between.octets.extend_from_slice(b"RSET\r\n");
    between.octets.extend_from_slice(&first.octets);
    between.replies += 1 + first.replies;
    job.measure(
        |_, n| Ok(n),
        |_, n| {
            line.send(&first)?;
            (1..n).try_for_each(|_| line.send(&between))?;
            line.send(&last)
        },
    )
}

/// Whole transactions back to back.
fn chunked(job: Job) -> Result<Cost> {
    let mut line = Line::open(&job)?;
    let mut flight = Flight {
        octets: Vec::new(),
        replies: 0,
    };
    for _ in 0..DEPTH {
        let envelope = envelope(job.work);
        let commands = &envelope.octets[..envelope.octets.len() - "DATA\r\n".len()];
        flight.octets.extend_from_slice(commands);
        write!(flight.octets, "BDAT {} LAST\r\n", job.content.len())?;
        flight.octets.extend_from_slice(&job.content);
        flight.replies += envelope.replies;
    }
    job.measure(
        |_, n| Ok(n / DEPTH),
        |_, n| (0..n).try_for_each(|_| line.send(&flight)),
    )
}

fn file(job: Job) -> Result<Cost> {
    let mut line = Line::open(&job)?;
    let envelope = envelope(job.work);
    let end = Flight {
        octets: b".\r\n".to_vec(),
        replies: 1,
    };
    job.measure(
        |_, n| Ok(n),
        |job, n| {
            for _ in 0..n {
                line.send(&envelope)?;
                // The system copies it, and it has no dots to be stuffed.
                let file = File::open(job.file())?;
                while sendfile(&line.stream, &file, None, MOST)? > 0 {}
                line.send(&end)?;
            }
            Ok(())
        },
    )
}

fn sessions(job: Job) -> Result<Cost> {
    let mut flights = vec![ehlo(EHLO_LINES), envelope(job.work), content(&job.content)];
    match flights.last_mut() {
        Some(last) if job.work == Work::Quit => {
            last.octets.extend_from_slice(&quit().octets);
            last.replies += 1;
        }
        _ => flights.push(quit()),
    }
    job.measure(
        |_, n| Ok(n),
        |job, n| {
            for _ in 0..n {
                let mut line = Line::connect(job)?;
                line.wait(1)?;
                flights.iter().try_for_each(|flight| line.send(flight))?;
            }
            Ok(())
        },
    )
}

/// What rustls takes, and nothing else.
fn sessions_in_tls(job: Job) -> Result<Cost> {
    let starttls = Flight {
        octets: b"STARTTLS\r\n".to_vec(),
        replies: 1,
    };
    let in_clear = [ehlo(EHLO_LINES + 1), starttls];
    let in_tls = [
        ehlo(EHLO_LINES),
        envelope(job.work),
        content(&job.content),
        quit(),
    ];
    let config = Arc::new(trusting(&job.certificate()?)?);
    let host = ServerName::try_from(HOST)?;
    job.measure(
        |_, n| Ok(n),
        |job, n| {
            for _ in 0..n {
                let mut line = Line::connect(job)?;
                line.wait(1)?;
                in_clear.iter().try_for_each(|flight| line.send(flight))?;
                let tls = ClientConnection::new(Arc::clone(&config), host.clone())?;
                let mut line = Line {
                    stream: StreamOwned::new(tls, line.stream),
                    buffer: line.buffer,
                };
                in_tls.iter().try_for_each(|flight| line.send(flight))?;
                line.stream.conn.send_close_notify();
                line.stream.flush()?;
            }
            Ok(())
        },
    )
}

/// A configuration of TLS that trusts nobody, for work without TLS.
pub fn trusting_nobody() -> Result<ClientConfig> {
    configured(RootCertStore::empty())
}

/// A configuration of TLS that trusts a certificate.
pub fn trusting(certificate: &[u8]) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate)?)?;
    configured(roots)
}

fn configured(roots: RootCertStore) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn ehlo(replies: usize) -> Flight {
    Flight {
        octets: format!("EHLO {NAME}\r\n").into_bytes(),
        replies,
    }
}

fn quit() -> Flight {
    Flight {
        octets: b"QUIT\r\n".to_vec(),
        replies: 1,
    }
}

struct Line<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl Line<TcpStream> {
    fn connect(job: &Job) -> Result<Self> {
        let stream = TcpStream::connect(job.address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; 16 * 1024],
        })
    }

    fn open(job: &Job) -> Result<Self> {
        let mut line = Self::connect(job)?;
        line.wait(1)?;
        line.send(&ehlo(EHLO_LINES))?;
        Ok(line)
    }
}

impl<S: Read + Write> Line<S> {
    fn send(&mut self, flight: &Flight) -> Result {
        self.stream.write_all(&flight.octets)?;
        self.wait(flight.replies)
    }

    fn wait(&mut self, replies: usize) -> Result {
        let mut missing = replies;
        while missing > 0 {
            let n = self.stream.read(&mut self.buffer)?;
            if n == 0 {
                return Err("the sink has closed".into());
            }
            let lines = memchr_iter(b'\n', &self.buffer[..n]).count();
            missing = missing
                .checked_sub(lines)
                .ok_or("more replies than commands")?;
        }
        Ok(())
    }
}
