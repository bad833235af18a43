//! Streams that do what a stream may, and where futures may go.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use async_net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{
    AsyncWriteExt,
    future::{block_on, or, zip},
};
use smtp_proto::{
    client::{self, Transaction},
    server::{self, Data, Message, Rcpt, Rejection, Session},
    types::Mailbox,
};
use smtp_smol::{Connection, Error, Server, Service, connect, serve};

const MINUTE: Duration = Duration::from_secs(60);

fn client_config() -> client::Config {
    client::Config::new(&"client.example.org".parse().unwrap()).unwrap()
}

fn server_config() -> server::Config {
    server::Config::new("mx.example.net".parse().unwrap()).unwrap()
}

fn to_bob() -> Transaction {
    Transaction::new("alice@example.org".parse::<Mailbox>().unwrap())
        .recipient("bob@example.net".parse::<Mailbox>().unwrap())
}

/// Counts the octets that it forgets, and takes its time for each message.
struct Sink(Arc<AtomicUsize>);

impl Service for Sink {
    async fn rcpt(&mut self, _: &Rcpt<'_>) -> Result<(), Rejection> {
        Ok(())
    }

    async fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
        Ok(())
    }

    async fn content(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.0.fetch_add(piece.len(), Ordering::Relaxed);
        Ok(())
    }

    async fn message(&mut self, message: &Message<'_>) -> Result<String, Rejection> {
        async_io::Timer::after(Duration::from_millis(5)).await;
        Ok(message.octets().to_string())
    }
}

fn sink() -> Sink {
    Sink(Arc::default())
}

/// Runs a server and a client in this thread.
fn with_server<F: Future>(client: impl FnOnce(u16) -> F) -> F::Output {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let shutdown = server.shutdown_handle();
    let config = server_config();
    let serving = server.run(&config, |_| sink());
    let client = async {
        let output = or(async { Some(client(port).await) }, async {
            async_io::Timer::after(MINUTE).await;
            None
        });
        let output = output.await;
        shutdown.shutdown();
        output
    };
    block_on(zip(serving, client)).1.unwrap()
}

/// Keeps what is written until it is flushed, as TLS may.
struct Buffered {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl AsyncRead for Buffered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(context, to)
    }
}

impl AsyncWrite for Buffered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.buffer.len() > 100_000 {
            std::task::ready!(self.as_mut().poll_flush(context))?;
        }
        self.buffer.extend_from_slice(from);
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, buffer } = &mut *self;
        while !buffer.is_empty() {
            let written = std::task::ready!(Pin::new(&mut *stream).poll_write(context, buffer))?;
            buffer.drain(..written);
        }
        Pin::new(stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.as_mut().poll_flush(context))?;
        Pin::new(&mut self.stream).poll_close(context)
    }
}

#[test]
fn c_306_a_stream_that_has_to_be_flushed() {
    with_server(async |port| {
        let stream = connect("127.0.0.1", port, MINUTE).await.unwrap();
        let buffer = Vec::new();
        let mut connection = Connection::open(Buffered { stream, buffer }, client_config())
            .await
            .unwrap();
        connection.noop().await.unwrap();
        let content = "0123456789abcd\r\n".repeat(100_000);
        let outcome = connection.send(to_bob().content(content)).await.unwrap();
        assert!(outcome.is_complete());
        let outcome = connection.send_with(to_bob(), async |writer| {
            writer.write_all(b"hi\r\n").await?;
            writer.flush().await
        });
        assert!(outcome.await.unwrap().is_complete());
        connection.quit().await.unwrap();
    });
}

/// Both directions of a stream in memory that is always ready.
struct Flood {
    dialogue: &'static [u8],
    then: u8,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let n = self.dialogue.len().min(to.len());
        if n == 0 {
            to.fill(self.then);
            return Poll::Ready(Ok(to.len()));
        }
        to[..n].copy_from_slice(&self.dialogue[..n]);
        self.dialogue = &self.dialogue[n..];
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A client that sends for ever, as fast as it is read.
#[test]
fn s_208_a_fast_client_leaves_the_thread_to_others() {
    let octets = Arc::new(AtomicUsize::new(0));
    let mut service = Sink(Arc::clone(&octets));
    let stream = Flood {
        dialogue: b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n",
        then: b'x',
    };
    let config = server_config().max_message_size(None);
    let session = Session::new(config, smtp_proto::Instant::ORIGIN);
    let mut serving = pin!(serve(stream, session, &mut service));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10 {
        let before = octets.load(Ordering::Relaxed);
        assert!(serving.as_mut().poll(&mut context).is_pending());
        let got = octets.load(Ordering::Relaxed) - before;
        assert!(got < 2 * 1024 * 1024, "{got} octets in one poll");
    }
    assert!(octets.load(Ordering::Relaxed) > 0);
}

/// Counts how often a task is woken.
#[derive(Default)]
struct Woken(AtomicUsize, Option<thread::Thread>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1.as_ref().unwrap().unpark();
    }
}

/// C-309: whoever waits does not turn in circles.
#[test]
fn c_309_waiting_takes_few_polls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let limit = Duration::from_millis(300);
    let config = client_config().timeouts(client::Timeouts::all(limit));
    let stream = block_on(connect("127.0.0.1", address.port(), MINUTE)).unwrap();
    let woken = Arc::new(Woken(AtomicUsize::new(0), Some(thread::current())));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let start = Instant::now();
    let mut opening = pin!(Connection::open(stream, config));
    let error = loop {
        match opening.as_mut().poll(&mut context) {
            Poll::Ready(opened) => break opened.unwrap_err(),
            Poll::Pending => thread::park_timeout(MINUTE),
        }
    };
    let took = start.elapsed();
    assert!(took >= limit && took < 3 * limit, "{took:?}");
    assert!(matches!(error, Error::Session { .. }));
    let woken = woken.0.load(Ordering::SeqCst);
    assert!(woken < 10, "{woken}");
}

/// What an executor with several threads wants of a future.
fn can_be_spawned<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn m42_futures_can_be_spawned() {
    async fn delivers(port: u16) {
        let mut connection = Connection::connect("127.0.0.1", port, client_config())
            .await
            .unwrap();
        let content = String::from("hi\r\n");
        let outcome = connection
            .send_with(to_bob(), async move |writer| {
                writer.write_all(content.as_bytes()).await
            })
            .await;
        assert!(outcome.unwrap().is_complete());
        let mut message = connection.begin(to_bob()).await.unwrap();
        message
            .rcpt("carol@example.net".parse::<Mailbox>().unwrap())
            .await
            .unwrap();
        let mut writer = message.content().await.unwrap();
        writer.write_chunk("hi\r\n").await.unwrap();
        assert!(writer.finish().await.unwrap().is_complete());
        let sent = connection.send(to_bob().content("hi\r\n")).await;
        assert!(sent.unwrap().is_complete());
        connection.quit().await.unwrap();
    }

    with_server(|port| can_be_spawned(delivers(port)));

    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let stream = async_io::Async::new(ours).unwrap();
    let session = Session::new(server_config(), smtp_proto::Instant::ORIGIN);
    let mut service = sink();
    drop(can_be_spawned(serve(stream, session, &mut service)));
    let server = Server::bind("127.0.0.1:0").unwrap();
    let config = server_config();
    drop(can_be_spawned(server.run(&config, |_| sink())));
}
