//! A receiver that listens: many connections in one task, and a bound on them.

use std::{
    future::{Future, poll_fn},
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_io::{Async, Timer};
use async_net::TcpStream;
use event_listener::Event;
use futures_lite::{FutureExt, Stream, StreamExt};
use futures_util::stream::FuturesUnordered;
use smtp_proto::{
    Instant, TlsPolicy,
    driver::is_of_the_connection,
    server::{Config, Rejection, Session},
};

use crate::{
    Service,
    service::serve_until,
    tls::{self, ServerSide},
    transport::Transport,
};

/// How long to pause when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(50);

/// A listener that serves its connections.
///
/// ```
/// use smtp_proto::server::{Config, Data, Message, Rcpt, Rejection};
/// use smtp_smol::{Server, Service};
///
/// /// Takes everything, and forgets it.
/// struct Sink;
///
/// impl Service for Sink {
///     async fn rcpt(&mut self, _: &Rcpt<'_>) -> Result<(), Rejection> {
///         Ok(())
///     }
///     async fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
///         Ok(())
///     }
///     async fn content(&mut self, _: &[u8]) -> Result<(), Rejection> {
///         Ok(())
///     }
///     async fn message(&mut self, message: &Message<'_>) -> Result<String, Rejection> {
///         Ok(format!("{} octets forgotten", message.octets()))
///     }
/// }
///
/// let server = Server::bind("127.0.0.1:0")?.max_connections(1000);
/// let shutdown = server.shutdown_handle();
/// let config = Config::new("mx.example.net".parse()?)?;
/// # shutdown.shutdown();
/// futures_lite::future::block_on(server.run(&config, |_peer| Sink))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    listener: Async<TcpListener>,
    max_connections: usize,
    grace: Duration,
    tls: ServerSide,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    shutting_down: AtomicBool,
    event: Event,
}

impl Server {
    /// The default of [`max_connections`](Self::max_connections).
    pub const DEFAULT_MAX_CONNECTIONS: usize = 100;
    /// The default of [`grace`](Self::grace).
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);

    /// Listens at an address. Port 0 lets the system choose. A name is looked up
    /// at once, which blocks.
    ///
    /// # Errors
    /// That of the system.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::new(Async::new(TcpListener::bind(address)?)?))
    }

    /// Serves a listener that exists already.
    #[must_use]
    pub fn new(listener: Async<TcpListener>) -> Self {
        Self {
            listener,
            max_connections: Self::DEFAULT_MAX_CONNECTIONS,
            grace: Self::DEFAULT_GRACE,
            tls: ServerSide::default(),
            shared: Arc::default(),
        }
    }

    /// The most connections at a time. Those beyond it are told 421 and closed.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long content may go on coming in after a shutdown was asked for;
    /// [`Duration::MAX`] is for ever.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Who the server is, for a configuration that wants TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: smtp_proto::tls::ServerTls) -> Self {
        self.tls = ServerSide::new(tls);
        self
    }

    /// The address that is listened at.
    ///
    /// # Errors
    /// That of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.get_ref().local_addr()
    }

    /// What ends the server, from any thread.
    #[must_use]
    pub fn shutdown_handle(&self) -> Shutdown {
        Shutdown(Arc::clone(&self.shared))
    }

    /// Serves until [`Shutdown::shutdown`], and then until every connection has
    /// ended: each is told 421 as soon as no content of its is coming in, and
    /// is cut when the grace has passed. `service` makes what decides for a
    /// connection.
    ///
    /// All of it happens in the task that polls this future, on whatever
    /// executor that is, and so on one processor at a time. Who needs more of
    /// them accepts connections in a loop of their own, and spawns
    /// [`serve`](crate::serve) for each. A service that panics ends its
    /// connection only. If the future is dropped, so is every connection.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the configuration wants TLS, and there
    /// is none. None while serving.
    pub async fn run<V: Service>(
        self,
        config: &Config,
        mut service: impl FnMut(SocketAddr) -> V,
    ) -> io::Result<()> {
        if config.tls_policy() != TlsPolicy::None
            && let Err(failure) = tls::answer(&self.tls)
        {
            // What cannot be had is not to be offered.
            return Err(io::Error::new(io::ErrorKind::InvalidInput, failure));
        }
        let shared = Arc::clone(&self.shared);
        let mut connections = FuturesUnordered::new();
        let mut shutdown = pin!(shared.wait());
        let mut pause = None;
        loop {
            let accepted = {
                let mut accept = pin!(self.listener.accept());
                poll_fn(|context| {
                    while let Poll::Ready(Some(())) = Pin::new(&mut connections).poll_next(context)
                    {
                    }
                    if shutdown.as_mut().poll(context).is_ready() {
                        return Poll::Ready(None);
                    }
                    if is_pending(&mut pause, context) {
                        return Poll::Pending;
                    }
                    accept.as_mut().poll(context).map(Some)
                })
                .await
            };
            match accepted {
                None => break,
                Some(Ok((stream, _))) if connections.len() >= self.max_connections => {
                    refuse(stream.into(), config).await;
                }
                Some(Ok((stream, peer))) => {
                    let service = service(peer);
                    let session = Session::new(config.clone(), Instant::ORIGIN);
                    let end = (&*shared, self.grace);
                    connections.push(connection(stream.into(), session, service, &self.tls, end));
                }
                Some(Err(error)) if is_of_the_connection(&error) => {}
                Some(Err(_)) => pause = Some(Timer::after(PAUSE)),
            }
        }
        // Whoever comes now is refused by the system, and can go elsewhere,
        // instead of waiting in a queue that nobody looks at.
        drop(self.listener);
        while connections.next().await.is_some() {}
        Ok(())
    }
}

/// One connection, to its end.
async fn connection(
    stream: TcpStream,
    session: Session,
    mut service: impl Service,
    tls: &ServerSide,
    (shared, grace): (&Shared, Duration),
) {
    let _ = stream.set_nodelay(true);
    let served = serve_until(stream, session, &mut service, tls, shared.wait(), grace);
    // A session fails only by a mistake of this crate, and a panic is the
    // application's: the others go on.
    let _ = AssertUnwindSafe(served).catch_unwind().await;
}

/// Whether the pause is not over.
fn is_pending(pause: &mut Option<Timer>, context: &mut Context<'_>) -> bool {
    let pending = pause
        .as_mut()
        .is_some_and(|timer| Pin::new(timer).poll(context).is_pending());
    if !pending {
        *pause = None;
    }
    pending
}

/// Tells a client that there are too many, without waiting for it.
async fn refuse(stream: TcpStream, config: &Config) {
    let rejection = Rejection::too_many_connections();
    let mut session = Session::refusing(config.clone(), &rejection, Instant::ORIGIN);
    let mut transport = Transport::new(stream);
    poll_fn(|context| {
        transport.farewell(&mut session, context);
        Poll::Ready(())
    })
    .await;
}

impl Shared {
    /// Waits until a shutdown is asked for.
    async fn wait(&self) {
        while !self.shutting_down.load(Ordering::SeqCst) {
            let asked = self.event.listen();
            // It may have been just before that.
            if self.shutting_down.load(Ordering::SeqCst) {
                return;
            }
            asked.await;
        }
    }
}

/// Ends a [`Server`], from any thread.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<Shared>);

impl Shutdown {
    /// Asks the server to end. Returns at once; [`Server::run`] returns when
    /// the last connection has ended.
    pub fn shutdown(&self) {
        self.0.shutting_down.store(true, Ordering::SeqCst);
        self.0.event.notify(usize::MAX);
    }
}
