//! `lettre`: [`SmtpConnection`], which its `SmtpTransport` keeps.

use std::{fs::File, io::Read, time::Duration};

use lettre::{
    address::{Address, Envelope},
    transport::smtp::{
        client::{Certificate, CertificateStore, SmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};

use crate::{
    Result,
    meter::Cost,
    work::{FROM, HOST, Job, NAME, Work},
};

/// Its own default.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(60));

pub(crate) fn run(job: Job) -> Result<Cost> {
    match job.work {
        Work::Session | Work::Tls => sessions(job),
        Work::File => file(job),
        _ => one_after_another(job),
    }
}

fn one_after_another(job: Job) -> Result<Cost> {
    let mut connection = connect(&job)?;
    let envelope = envelope(job.work)?;
    let cost = job.measure(
        |_, n| Ok(n),
        |job, n| {
            for _ in 0..n {
                connection.send(&envelope, &job.content)?;
            }
            Ok(())
        },
    )?;
    connection.quit()?;
    Ok(cost)
}

/// In pieces, as only its connection can.
fn file(job: Job) -> Result<Cost> {
    let mut connection = connect(&job)?;
    let envelope = envelope(job.work)?;
    let cost = job.measure(
        |_, n| Ok(n),
        |job, n| {
            for _ in 0..n {
                let mut file = File::open(job.file())?;
                connection.command(Mail::new(envelope.from().cloned(), Vec::new()))?;
                for to in envelope.to() {
                    connection.command(Rcpt::new(to.clone(), Vec::new()))?;
                }
                connection.command(Data)?;
                connection.message_iter(std::iter::from_fn(|| {
                    let mut piece = vec![0; 64 * 1024];
                    let n = file.read(&mut piece).ok().filter(|&n| n > 0)?;
                    piece.truncate(n);
                    Some(piece)
                }))?;
            }
            Ok(())
        },
    )?;
    connection.quit()?;
    Ok(cost)
}

fn sessions(job: Job) -> Result<Cost> {
    let envelope = envelope(job.work)?;
    let name = ClientId::Domain(NAME.to_owned());
    let tls = match job.work {
        Work::Tls => Some(
            TlsParameters::builder(HOST.to_owned())
                .certificate_store(CertificateStore::None)
                .add_root_certificate(Certificate::from_pem(&job.certificate()?)?)
                .build_rustls()?,
        ),
        _ => None,
    };
    job.measure(
        |_, n| Ok(n),
        |job, n| {
            for _ in 0..n {
                let mut connection = connect(job)?;
                if let Some(tls) = &tls {
                    connection.starttls(tls, &name)?;
                }
                connection.send(&envelope, &job.content)?;
                connection.quit()?;
            }
            Ok(())
        },
    )
}

fn connect(job: &Job) -> Result<SmtpConnection> {
    let name = ClientId::Domain(NAME.to_owned());
    Ok(SmtpConnection::connect(
        job.address,
        TIMEOUT,
        &name,
        None,
        None,
    )?)
}

fn envelope(work: Work) -> Result<Envelope> {
    let to: std::result::Result<_, _> = work.recipients().map(|to| to.parse::<Address>()).collect();
    Ok(Envelope::new(Some(FROM.parse()?), to?)?)
}
