//! A receiver that listens: a thread for each connection, and a bound on them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use smtp_proto::{
    self as proto, TlsPolicy,
    driver::is_of_the_connection,
    server::{Config, Rejection, Session},
};

use crate::{
    Service, Stream,
    service::{Continue, serve_until},
    tls::{self, ServerSide},
    transport::Transport,
};

/// How long to pause when the system has no more sockets or threads to give.
const PAUSE: Duration = Duration::from_millis(50);

/// How long shutting down may take to wake the listener.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// A listener that serves each connection in a thread of its own.
///
/// ```
/// use smtp_blocking::{Server, Service};
/// use smtp_proto::server::{Config, Data, Message, Rcpt, Rejection};
///
/// /// Takes everything, and forgets it.
/// struct Sink;
///
/// impl Service for Sink {
///     fn rcpt(&mut self, _: &Rcpt<'_>) -> Result<(), Rejection> {
///         Ok(())
///     }
///     fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
///         Ok(())
///     }
///     fn content(&mut self, _: &[u8]) -> Result<(), Rejection> {
///         Ok(())
///     }
///     fn message(&mut self, message: &Message<'_>) -> Result<String, Rejection> {
///         Ok(format!("{} octets forgotten", message.octets()))
///     }
/// }
///
/// let server = Server::bind("127.0.0.1:0")?.max_connections(10);
/// let shutdown = server.shutdown_handle()?;
/// let config = Config::new("mx.example.net".parse()?)?;
/// let running = std::thread::spawn(move || server.run(&config, |_peer| Sink));
/// shutdown.shutdown();
/// running.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    max_connections: usize,
    grace: Duration,
    tls: ServerSide,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    shutting_down: AtomicBool,
    connections: Mutex<usize>,
    one_less: Condvar,
}

impl Server {
    /// The default of [`max_connections`](Self::max_connections).
    pub const DEFAULT_MAX_CONNECTIONS: usize = 100;
    /// The default of [`grace`](Self::grace).
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);

    /// Listens at an address. Port 0 lets the system choose.
    ///
    /// # Errors
    /// That of the system.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        TcpListener::bind(address).map(Self::new)
    }

    /// Serves a listener that exists already.
    #[must_use]
    pub fn new(listener: TcpListener) -> Self {
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
    pub fn tls(mut self, tls: proto::tls::ServerTls) -> Self {
        self.tls = ServerSide::new(tls);
        self
    }

    /// The address that is listened at.
    ///
    /// # Errors
    /// That of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What ends the server, from any thread.
    ///
    /// # Errors
    /// That of the system, which has to tell the address.
    pub fn shutdown_handle(&self) -> io::Result<Shutdown> {
        Ok(Shutdown {
            address: self.local_addr()?,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Serves until [`Shutdown::shutdown`], and then until every connection has
    /// ended: each is told 421 as soon as no content of its is coming in, and
    /// is cut when the grace has passed. `service` makes what decides for a
    /// connection.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the configuration wants TLS, and there
    /// is none. None while serving; the system may refuse to listen at all.
    pub fn run<V: Service + Send + 'static>(
        self,
        config: &Config,
        mut service: impl FnMut(SocketAddr) -> V,
    ) -> io::Result<()> {
        if config.tls_policy() != TlsPolicy::None {
            // What cannot be had is not to be offered.
            let failure = tls::answer(&self.tls).err();
            failure.map_or(Ok(()), |failure| {
                Err(io::Error::new(io::ErrorKind::InvalidInput, failure))
            })?;
        }
        self.listener.set_nonblocking(false)?;
        while !self.shared.is_shutting_down() {
            match self.listener.accept() {
                Ok((stream, peer)) => self.start(stream, config, || service(peer)),
                Err(error) if is_of_the_connection(&error) => {}
                Err(_) => thread::sleep(PAUSE),
            }
        }
        // Whoever comes now is refused by the system, and can go elsewhere,
        // instead of waiting in a queue that nobody looks at.
        drop(self.listener);
        let mut connections = self.shared.connections();
        while *connections > 0 {
            connections = self
                .shared
                .one_less
                .wait(connections)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    fn start<V: Service + Send + 'static>(
        &self,
        stream: TcpStream,
        config: &Config,
        service: impl FnOnce() -> V,
    ) {
        if self.shared.is_shutting_down() {
            return;
        }
        let Some(place) = Place::take(&self.shared, self.max_connections) else {
            refuse(stream, config);
            return;
        };
        let service = service();
        let session = Session::new(config.clone(), proto::Instant::ORIGIN);
        let (shared, grace, tls) = (Arc::clone(&self.shared), self.grace, self.tls.clone());
        // Without a thread the connection is dropped, and the place with it.
        let _ = thread::Builder::new()
            .name("smtp session".to_owned())
            .spawn(move || {
                // The place is given back last, when the service has been
                // dropped, too.
                let _place = place;
                let mut service = service;
                let mut asked = None;
                // A session fails only by a mistake of this crate.
                let _ = stream.set_nodelay(true);
                let _ = serve_until(stream, session, &mut service, &tls, || {
                    if !shared.is_shutting_down() {
                        return Continue::Yes;
                    }
                    let asked = *asked.get_or_insert_with(Instant::now);
                    if asked.elapsed() < grace {
                        Continue::NoMore
                    } else {
                        Continue::Stop
                    }
                });
            });
    }
}

/// Ends a [`Server`], from any thread.
#[derive(Clone, Debug)]
pub struct Shutdown {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Shutdown {
    /// Asks the server to end. Returns at once; [`Server::run`] returns when
    /// the last connection has ended.
    pub fn shutdown(&self) {
        self.shared.shutting_down.store(true, Ordering::SeqCst);
        // The listener waits for a connection: this is the one that wakes it.
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let _ = TcpStream::connect_timeout(&address, WAKE_TIMEOUT);
    }
}

impl Shared {
    fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::SeqCst)
    }

    fn connections(&self) -> MutexGuard<'_, usize> {
        // A count is right even if a thread that held it has panicked.
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the connections that may be, given back when dropped: also when the
/// application panics.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>, max: usize) -> Option<Self> {
        let mut connections = shared.connections();
        if *connections >= max {
            return None;
        }
        *connections += 1;
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.connections() -= 1;
        self.0.one_less.notify_all();
    }
}

/// Tells a client that there are too many, without waiting for it.
fn refuse(stream: impl Stream, config: &Config) {
    let rejection = Rejection::too_many_connections();
    let mut session = Session::refusing(config.clone(), &rejection, proto::Instant::ORIGIN);
    Transport::new(stream).farewell(&mut session);
}
