//! TLS, around a stream.

use std::{
    future::poll_fn,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::{TlsAcceptor, TlsConnector};
pub(crate) use smtp_proto::tls::{ClientSide, ServerSide};
use smtp_proto::{
    TlsFailure, TlsInfo,
    tls::{ClientTls, ServerTls, rustls::pki_types::ServerName},
};

use crate::channel::Channel;

/// How much is encrypted before it has to be written: a record, more or less. A
/// peer that takes nothing has no more than this behind it, and a deadline is
/// met by octets that have really left.
const BUFFERED: usize = 16 * 1024;

/// After this many reads without a wait there is one: TLS reads on until
/// something comes out of it, and a peer may send what has nothing in it.
const READS_AT_ONCE: usize = 64;

pub(crate) type TlsStream<S> = futures_rustls::TlsStream<Steady<S>>;

/// A handshake that is about to begin.
pub(crate) enum Hello {
    Client(ClientTls, ServerName<'static>),
    Server(ServerTls),
}

/// A handshake with this host.
pub(crate) fn call(side: &ClientSide, host: &str) -> Result<Hello, TlsFailure> {
    let tls = side.get()?;
    Ok(Hello::Client(tls.clone(), tls.name_of(host)?))
}

/// A handshake with a client.
pub(crate) fn answer(side: &ServerSide) -> Result<Hello, TlsFailure> {
    side.get().map(|tls| Hello::Server(tls.clone()))
}

impl Hello {
    /// Makes the handshake. If it fails, the stream comes back: its end is yet
    /// to be waited for.
    pub(crate) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: S,
    ) -> Result<(Channel<S>, TlsInfo), (S, TlsFailure)> {
        let mut stream = Steady::new(stream);
        // The peer may have to read the last of it before it begins.
        let flushed = poll_fn(|context| Pin::new(&mut stream).poll_flush(context)).await;
        if let Err(error) = flushed {
            return Err(failure((error, stream)));
        }
        let (stream, info): (TlsStream<S>, _) = match self {
            Self::Client(tls, name) => {
                let connector = TlsConnector::from(Arc::clone(tls.config()));
                let connecting = connector.connect_with(name, stream, |connection| {
                    connection.set_buffer_limit(Some(BUFFERED));
                });
                let stream = connecting.into_fallible().await.map_err(failure)?;
                let info = tls.info(stream.get_ref().1);
                (stream.into(), info)
            }
            Self::Server(tls) => {
                let acceptor = TlsAcceptor::from(Arc::clone(tls.config()));
                let accepting = acceptor.accept_with(stream, |connection| {
                    connection.set_buffer_limit(Some(BUFFERED));
                });
                let stream = accepting.into_fallible().await.map_err(failure)?;
                let info = tls.info(stream.get_ref().1);
                (stream.into(), info)
            }
        };
        Ok((Channel::Tls(Box::new(stream)), info))
    }
}

fn failure<S>((error, stream): (io::Error, Steady<S>)) -> (S, TlsFailure) {
    (stream.stream, TlsFailure::from(&error))
}

/// A stream that gives TLS nothing which it cannot deal with: interruptions,
/// writes that take nothing, and no end of octets at once.
#[derive(Debug)]
pub(crate) struct Steady<S> {
    stream: S,
    /// Reads since the last wait.
    reads: usize,
}

impl<S> Steady<S> {
    fn new(stream: S) -> Self {
        Self { stream, reads: 0 }
    }

    pub(crate) fn get(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Steady<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.reads >= READS_AT_ONCE {
            self.reads = 0;
            return later(context);
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.reads = if read.is_ready() { self.reads + 1 } else { 0 };
        uninterrupted(read, context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Steady<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, octets);
        some(uninterrupted(written, context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        some(uninterrupted(written, context))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        uninterrupted(flushed, context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_close(context);
        uninterrupted(closed, context)
    }
}

fn uninterrupted<T>(poll: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
    match ready!(poll) {
        Err(error) if error.kind() == ErrorKind::Interrupted => later(context),
        done => Poll::Ready(done),
    }
}

fn later<T>(context: &mut Context<'_>) -> Poll<T> {
    context.waker().wake_by_ref();
    Poll::Pending
}

/// TLS never writes nothing.
fn some(written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    match written {
        Poll::Ready(Ok(0)) => Poll::Ready(Err(ErrorKind::WriteZero.into())),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Always has an octet, and does this with each write.
    struct Odd(fn() -> io::Result<usize>);

    impl AsyncRead for Odd {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(1))
        }
    }

    impl AsyncWrite for Odd {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready((self.0)())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn c_306_what_tls_cannot_deal_with_does_not_get_there() {
        let mut context = Context::from_waker(Waker::noop());
        let mut write = |result: fn() -> io::Result<usize>| {
            Pin::new(&mut Steady::new(Odd(result))).poll_write(&mut context, b"octets")
        };
        assert!(write(|| Err(ErrorKind::Interrupted.into())).is_pending());
        assert!(matches!(write(|| Ok(3)), Poll::Ready(Ok(3))));
        let Poll::Ready(Err(error)) = write(|| Ok(0)) else {
            unreachable!("nothing was taken");
        };
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    }

    #[test]
    fn c_309_a_peer_that_never_pauses_is_made_to() {
        let mut context = Context::from_waker(Waker::noop());
        let mut stream = Steady::new(Odd(|| Ok(1)));
        for _ in 0..3 {
            for _ in 0..READS_AT_ONCE {
                let read = Pin::new(&mut stream).poll_read(&mut context, &mut [0]);
                assert!(read.is_ready());
            }
            let read = Pin::new(&mut stream).poll_read(&mut context, &mut [0]);
            assert!(read.is_pending());
        }
    }
}
