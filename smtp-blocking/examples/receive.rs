//! A receiver that stores what it accepts in a Maildir.
//!
//! ```console
//! $ cargo run --example receive -- --listen 127.0.0.1:2525 --maildir mail
//! ```
//!
//! A message is accepted only when it is safe on the disk: whatever the client
//! has seen accepted is there after the program, or the machine, was stopped at
//! any moment.

#[path = "common/accounts.rs"]
mod accounts;
#[path = "common/maildir.rs"]
mod maildir;
#[path = "common/option.rs"]
mod option;
#[path = "common/policy.rs"]
mod policy;
#[path = "common/receive_options.rs"]
mod receive_options;
#[path = "common/terminal.rs"]
mod terminal;

use std::{
    error::Error,
    fmt,
    io::{self, Write},
    net::IpAddr,
    process::ExitCode,
    sync::Arc,
};

use smtp_blocking::{Server, Service};
use smtp_proto::{
    TlsFailure,
    sasl::Verdict,
    server::{Authenticate, Data, Discarded, Message, Rcpt, Rejection},
    types::Domain,
};

use accounts::Accounts;
use maildir::{Delivery, Maildir};
use policy::{check, no_room, trace};
use receive_options::{Options, prepare};
use terminal::{note, say};

fn main() -> ExitCode {
    let options = match prepare() {
        Ok(options) => options,
        Err(code) => return code,
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("receive: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let about = |what: &dyn fmt::Display, error: io::Error| format!("{what}: {error}");
    let maildir = Maildir::create(&options.maildir)
        .map_err(|error| about(&options.maildir.display(), error))?;
    let maildir = Arc::new(maildir);
    let config = options.config()?;
    let mut server = Server::bind(options.listen)
        .map_err(|error| about(&options.listen, error))?
        .max_connections(options.max_connections);
    if let Some(tls) = options.tls {
        server = server.tls(tls);
    }
    say(format_args!("listening on {}", server.local_addr()?));
    let domains: Arc<[Domain]> = options.domains.into();
    let accounts = Arc::new(options.accounts);
    server.run(&config, |peer| Receiver {
        peer: peer.ip(),
        accounts: Arc::clone(&accounts),
        domains: Arc::clone(&domains),
        maildir: Arc::clone(&maildir),
        delivery: None,
    })?;
    Ok(())
}

/// What decides for one connection.
struct Receiver {
    peer: IpAddr,
    accounts: Arc<Accounts>,
    domains: Arc<[Domain]>,
    maildir: Arc<Maildir>,
    /// The message that is coming in.
    delivery: Option<Delivery>,
}

impl Service for Receiver {
    fn not_secured(&mut self, why: &TlsFailure) {
        note(format_args!("receive: {}: no TLS: {why}", self.peer));
    }

    fn authenticate(&mut self, question: &Authenticate<'_>) -> Result<Verdict, Rejection> {
        Ok(self.accounts.judge(question.claim()))
    }

    fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> Result<(), Rejection> {
        check(rcpt, &self.domains)
    }

    fn data(&mut self, data: &Data<'_>) -> Result<(), Rejection> {
        let store = || {
            let mut delivery = self.maildir.deliver()?;
            let trace = trace(data, self.peer, &delivery.name);
            delivery.file.write_all(trace.as_bytes())?;
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
