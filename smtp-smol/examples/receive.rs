//! A receiver that stores what it accepts in a Maildir: what the example of the
//! same name of `smtp-blocking` does, with all its connections in one thread.
//!
//! ```console
//! $ cargo run -p smtp-smol --example smol-receive -- --listen 127.0.0.1:2525
//! ```
//!
//! A message is accepted only when it is safe on the disk: whatever the client
//! has seen accepted is there after the program, or the machine, was stopped at
//! any moment. The disk is waited for in threads of a pool.

#[path = "../../smtp-blocking/examples/common/accounts.rs"]
mod accounts;
#[path = "../../smtp-blocking/examples/common/maildir.rs"]
mod maildir;
#[path = "../../smtp-blocking/examples/common/option.rs"]
mod option;
#[path = "../../smtp-blocking/examples/common/policy.rs"]
mod policy;
#[path = "../../smtp-blocking/examples/common/receive_options.rs"]
mod receive_options;
#[path = "../../smtp-blocking/examples/common/terminal.rs"]
mod terminal;

use std::{
    error::Error,
    fmt,
    io::{self, Write},
    net::IpAddr,
    process::ExitCode,
    sync::Arc,
};

use blocking::unblock;
use futures_lite::future::block_on;
use smtp_proto::{
    TlsFailure,
    sasl::Verdict,
    server::{Authenticate, Data, Discarded, Message, Rcpt, Rejection},
    types::Domain,
};
use smtp_smol::{Server, Service};

use accounts::Accounts;
use maildir::{Delivery, Maildir};
use policy::{check, no_room, trace};
use receive_options::{Options, prepare};
use terminal::{note, say};

/// How much content is gathered before it is written, in octets.
const BLOCK_LEN: usize = 64 * 1024;

fn main() -> ExitCode {
    let options = match prepare() {
        Ok(options) => options,
        Err(code) => return code,
    };
    match block_on(run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("receive: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
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
    let serving = server.run(&config, |peer| Receiver {
        peer: peer.ip(),
        accounts: Arc::clone(&accounts),
        domains: Arc::clone(&domains),
        maildir: Arc::clone(&maildir),
        delivery: None,
        block: Vec::new(),
    });
    serving.await?;
    Ok(())
}

/// What decides for one connection.
struct Receiver {
    peer: IpAddr,
    accounts: Arc<Accounts>,
    domains: Arc<[Domain]>,
    maildir: Arc<Maildir>,
    /// The message that is coming in,
    delivery: Option<Delivery>,
    /// and what of it is not written yet.
    block: Vec<u8>,
}

impl Receiver {
    /// Lets `work` have the message, in a thread where it may wait for the disk.
    async fn store<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(Delivery, &[u8]) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Rejection> {
        let delivery = self.delivery.take();
        let delivery = delivery.ok_or_else(Rejection::transaction_failed)?;
        let block = std::mem::take(&mut self.block);
        let stored = unblock(move || work(delivery, &block)).await;
        stored.map_err(|error| no_room(&error))
    }
}

impl Service for Receiver {
    fn not_secured(&mut self, why: &TlsFailure) {
        note(format_args!("receive: {}: no TLS: {why}", self.peer));
    }

    async fn authenticate(&mut self, question: &Authenticate<'_>) -> Result<Verdict, Rejection> {
        Ok(self.accounts.judge(question.claim()))
    }

    async fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> Result<(), Rejection> {
        check(rcpt, &self.domains)
    }

    async fn data(&mut self, data: &Data<'_>) -> Result<(), Rejection> {
        let maildir = Arc::clone(&self.maildir);
        let delivery = unblock(move || maildir.deliver()).await;
        let delivery = delivery.map_err(|error| no_room(&error))?;
        self.block = trace(data, self.peer, &delivery.name).into_bytes();
        self.delivery = Some(delivery);
        Ok(())
    }

    async fn content(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.block.extend_from_slice(piece);
        if self.block.len() >= BLOCK_LEN {
            let store = self.store(|mut delivery, block| {
                delivery.file.write_all(block)?;
                Ok(delivery)
            });
            self.delivery = Some(store.await?);
        }
        Ok(())
    }

    async fn message(&mut self, _: &Message<'_>) -> Result<String, Rejection> {
        let store = self.store(|mut delivery, block| {
            delivery.file.write_all(block)?;
            delivery.commit()
        });
        Ok(format!("stored as {}", store.await?))
    }

    async fn discarded(&mut self, _: Discarded) {
        self.delivery = None;
    }
}
