//! The adapter in the shape of the one that blocks, so that the tests of that
//! one are tests of this one, too: each call waits for its future.

#![allow(
    dead_code,
    unused_imports,
    reason = "each file of tests uses some of it"
)]

mod choppy;
mod connector;

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    ops::DerefMut,
    sync::Arc,
    time::Duration,
};

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{AsyncWriteExt, future::block_on};
use smtp_proto::{
    Entry, TlsFailure, TlsInfo,
    client::{self, Authentication, Outcome, Recipient, Transaction},
    sasl::Verdict,
    server::{
        self, Authenticate, Data, Discarded, Expand, Hello, Mail, Rcpt, Rejection, Session, Verify,
    },
    types::{Argument, Capabilities, Mailbox, RawCommand, Reply},
};

pub(crate) use connector::{Connector, Pool};
pub(crate) use smtp_blocking::Service;
pub(crate) use smtp_smol::{ConnectError, Error, Shutdown, Verified, smtp_proto};

/// A stream of the tests, as one that does not block.
pub(crate) trait Unblocked {
    type Stream: AsyncRead + AsyncWrite + Unpin;

    fn unblocked(self) -> Self::Stream;
}

impl Unblocked for TcpStream {
    type Stream = async_net::TcpStream;

    fn unblocked(self) -> Self::Stream {
        Async::new(self).unwrap().into()
    }
}

// ---- connecting ----

pub(crate) fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, ConnectError> {
    let stream = block_on(smtp_smol::connect(host, port, timeout))?;
    let stream: Arc<Async<TcpStream>> = stream.into();
    let stream = Arc::into_inner(stream).unwrap().into_inner().unwrap();
    stream.set_nonblocking(false).unwrap();
    Ok(stream)
}

pub(crate) struct Addresses(smtp_smol::Addresses);

impl Addresses {
    pub(crate) fn new(host: &str, port: u16, timeout: Duration, all: Vec<SocketAddr>) -> Self {
        Self(smtp_smol::Addresses::new(host, port, timeout, all))
    }
}

// ---- the client ----

pub(crate) struct Connection<S = async_net::TcpStream>(smtp_smol::Connection<S>);

impl Connection {
    pub(crate) fn connect(host: &str, port: u16, config: client::Config) -> Result<Self, Error> {
        block_on(smtp_smol::Connection::connect(host, port, config)).map(Self)
    }

    pub(crate) fn connect_to(addresses: Addresses, config: client::Config) -> Result<Self, Error> {
        block_on(smtp_smol::Connection::connect_to(addresses.0, config)).map(Self)
    }

    pub(crate) fn stream(&self) -> &async_net::TcpStream {
        self.0.stream()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn open<T>(stream: T, config: client::Config) -> Result<Self, Error>
    where
        T: Unblocked<Stream = S>,
    {
        block_on(smtp_smol::Connection::open(stream.unblocked(), config)).map(Self)
    }

    pub(crate) fn open_with_transcript<T>(
        stream: T,
        config: client::Config,
        transcript: impl FnMut(Entry<'_>) + Send + 'static,
    ) -> Result<Self, Error>
    where
        T: Unblocked<Stream = S>,
    {
        let stream = stream.unblocked();
        let opening = smtp_smol::Connection::open_with_transcript(stream, config, transcript);
        block_on(opening).map(Self)
    }

    pub(crate) fn send(&mut self, transaction: Transaction) -> Result<Outcome, Error> {
        block_on(self.0.send(transaction))
    }

    pub(crate) fn send_and_quit(self, transaction: Transaction) -> Result<Outcome, Error> {
        block_on(self.0.send_and_quit(transaction))
    }

    pub(crate) fn send_all<T>(
        &mut self,
        messages: impl IntoIterator<Item = (T, Transaction)>,
        each: impl FnMut(T, Result<Outcome, Error>),
    ) -> Result<(), Error> {
        block_on(self.0.send_all(messages, each))
    }

    pub(crate) fn send_with(
        &mut self,
        transaction: Transaction,
        mut write: impl FnMut(&mut Borrowed<'_, '_, S>) -> io::Result<()>,
    ) -> Result<Outcome, Error> {
        let write =
            async |writer: &mut smtp_smol::ContentWriter<'_, S>| write(&mut Borrowed(writer));
        block_on(self.0.send_with(transaction, write))
    }

    pub(crate) fn begin(&mut self, transaction: Transaction) -> Result<Message<'_, S>, Error> {
        block_on(self.0.begin(transaction)).map(Message)
    }

    pub(crate) fn verify(&mut self, user: Argument) -> Result<Reply, Error> {
        block_on(self.0.verify(user))
    }

    pub(crate) fn expand(&mut self, list: Argument) -> Result<Reply, Error> {
        block_on(self.0.expand(list))
    }

    pub(crate) fn help(&mut self, on: Option<Argument>) -> Result<Reply, Error> {
        block_on(self.0.help(on))
    }

    pub(crate) fn authenticate(&mut self, authentication: Authentication) -> Result<(), Error> {
        block_on(self.0.authenticate(authentication))
    }

    pub(crate) fn noop(&mut self) -> Result<Reply, Error> {
        block_on(self.0.noop())
    }

    pub(crate) fn command(&mut self, command: RawCommand) -> Result<Reply, Error> {
        block_on(self.0.command(command))
    }

    pub(crate) fn quit(self) -> Result<(), Error> {
        block_on(self.0.quit())
    }

    pub(crate) fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    pub(crate) fn session(&self) -> &client::Session {
        self.0.session()
    }
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug)]
pub(crate) struct Message<'a, S: AsyncRead + AsyncWrite + Unpin>(smtp_smol::Message<'a, S>);

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Message<'a, S> {
    pub(crate) fn rcpt(&mut self, recipient: impl Into<Recipient>) -> Result<Reply, Error> {
        block_on(self.0.rcpt(recipient))
    }

    pub(crate) fn content(self) -> Result<ContentWriter<'a, S>, Error> {
        block_on(self.0.content()).map(ContentWriter)
    }
}

pub(crate) struct ContentWriter<'a, S: AsyncRead + AsyncWrite + Unpin>(
    smtp_smol::ContentWriter<'a, S>,
);

impl<S: AsyncRead + AsyncWrite + Unpin> ContentWriter<'_, S> {
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }

    pub(crate) fn finish(self) -> Result<Outcome, Error> {
        block_on(self.0.finish())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> io::Write for ContentWriter<'_, S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        block_on(self.0.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        block_on(self.0.flush())
    }
}

pub(crate) struct Borrowed<'w, 'a, S: AsyncRead + AsyncWrite + Unpin>(
    &'w mut smtp_smol::ContentWriter<'a, S>,
);

impl<S: AsyncRead + AsyncWrite + Unpin> Borrowed<'_, '_, S> {
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> io::Write for Borrowed<'_, '_, S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        block_on(self.0.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        block_on(self.0.flush())
    }
}

// ---- the server ----

pub(crate) struct Server(smtp_smol::Server);

impl Server {
    pub(crate) fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        smtp_smol::Server::bind(address).map(Self)
    }

    pub(crate) fn new(listener: TcpListener) -> Self {
        Self(smtp_smol::Server::new(Async::new(listener).unwrap()))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(self, tls: smtp_proto::tls::ServerTls) -> Self {
        Self(self.0.tls(tls))
    }

    pub(crate) fn max_connections(self, connections: usize) -> Self {
        Self(self.0.max_connections(connections))
    }

    pub(crate) fn grace(self, grace: Duration) -> Self {
        Self(self.0.grace(grace))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    pub(crate) fn shutdown_handle(&self) -> io::Result<Shutdown> {
        Ok(self.0.shutdown_handle())
    }

    pub(crate) fn run<V: Service + Send>(
        self,
        config: &server::Config,
        mut service: impl FnMut(SocketAddr) -> V,
    ) -> io::Result<()> {
        block_on(
            self.0
                .run(config, |peer| Answering(Box::new(service(peer)))),
        )
    }
}

pub(crate) fn serve<T: Unblocked>(
    stream: T,
    session: Session,
    service: &mut (impl Service + Send),
) -> Result<(), server::Error> {
    let mut service = Answering(service);
    block_on(smtp_smol::serve(stream.unblocked(), session, &mut service))
}

#[cfg(feature = "tls")]
pub(crate) fn serve_with_tls<T: Unblocked>(
    stream: T,
    session: Session,
    service: &mut (impl Service + Send),
    tls: &smtp_proto::tls::ServerTls,
) -> Result<(), server::Error> {
    let mut service = Answering(service);
    let stream = stream.unblocked();
    block_on(smtp_smol::serve_with_tls(
        stream,
        session,
        &mut service,
        tls,
    ))
}

/// A service that answers at once.
struct Answering<V>(V);

impl<V: DerefMut<Target: Service> + Send> smtp_smol::Service for Answering<V> {
    fn start(&mut self, session: &mut Session) {
        self.0.start(session);
    }

    fn secured(&mut self, tls: &TlsInfo) {
        self.0.secured(tls);
    }

    fn not_secured(&mut self, why: &TlsFailure) {
        self.0.not_secured(why);
    }

    async fn hello(&mut self, hello: &Hello<'_>) -> Result<(), Rejection> {
        self.0.hello(hello)
    }

    async fn authenticate(&mut self, question: &Authenticate<'_>) -> Result<Verdict, Rejection> {
        self.0.authenticate(question)
    }

    async fn mail(&mut self, mail: &Mail<'_>) -> Result<(), Rejection> {
        self.0.mail(mail)
    }

    async fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> Result<(), Rejection> {
        self.0.rcpt(rcpt)
    }

    async fn data(&mut self, data: &Data<'_>) -> Result<(), Rejection> {
        self.0.data(data)
    }

    async fn content(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.0.content(piece)
    }

    async fn message(&mut self, message: &server::Message<'_>) -> Result<String, Rejection> {
        self.0.message(message)
    }

    async fn discarded(&mut self, why: Discarded) {
        self.0.discarded(why);
    }

    async fn verify(&mut self, verify: &Verify<'_>) -> Result<Verified, Rejection> {
        self.0.verify(verify)
    }

    async fn expand(&mut self, expand: &Expand<'_>) -> Result<Vec<Mailbox>, Rejection> {
        self.0.expand(expand)
    }
}
