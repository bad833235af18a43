//! What every connection to a host is made with.

use std::{fmt, net::TcpStream, sync::Arc, time::Duration};

use smtp_proto::{
    Entry, Instant,
    client::{Config, Session},
};

use crate::{
    Addresses, CONNECT_TIMEOUT, Connection, Error, Stream, connect::connect_once, tls::ClientSide,
};

type Hook = Box<dyn FnMut(Entry<'_>) + Send>;

/// Makes connections, all alike.
///
/// ```no_run
/// use smtp_blocking::{Connector, smtp_proto::{TlsPolicy, client::Config}};
///
/// let config = Config::new(&"client.example.org".parse()?)?.tls(TlsPolicy::Required);
/// let connector = Connector::new(config);
/// let connection = connector.connect("mail.example.net", 587)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Connector {
    config: Config,
    tls: ClientSide,
    timeout: Duration,
    transcript: Option<Arc<dyn Fn() -> Hook + Send + Sync>>,
}

impl Connector {
    /// Whether there is TLS, the configuration of the session says. Its
    /// certificates are checked as the system does, unless `tls` says otherwise.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            tls: ClientSide::default(),
            timeout: CONNECT_TIMEOUT,
            transcript: None,
        }
    }

    /// Whom to trust, and who the client is.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: smtp_proto::tls::ClientTls) -> Self {
        self.tls = ClientSide::new(tls);
        self
    }

    /// How long looking up a name may take, and again connecting to each
    /// address: [`CONNECT_TIMEOUT`] by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes, for each session, what each command and each reply is passed to.
    /// Secrets are masked.
    #[must_use]
    pub fn transcript<H: FnMut(Entry<'_>) + Send + 'static>(
        mut self,
        hook: impl Fn() -> H + Send + Sync + 'static,
    ) -> Self {
        self.transcript = Some(Arc::new(move || Box::new(hook())));
        self
    }

    /// Connects to a host, given by name or address, and opens a session.
    ///
    /// # Errors
    /// As [`connect_to`](Self::connect_to).
    pub fn connect(&self, host: &str, port: u16) -> Result<Connection, Error> {
        self.connect_to(Addresses::look_up(host, port, self.timeout)?)
    }

    /// Connects to one of these addresses, and opens a session: at each in turn,
    /// until one answers and will have a session. Certificates are checked
    /// against the host that the addresses are those of.
    ///
    /// # Errors
    /// [`Error::Connect`] if no address answers, or else [`Error::Session`] or
    /// [`Error::Tls`] with what came of the last that did.
    pub fn connect_to(&self, mut addresses: Addresses) -> Result<Connection, Error> {
        let mut refusal = None;
        loop {
            let stream = match (addresses.connect_next(), refusal) {
                (Ok(stream), _) => stream,
                (Err(_), Some(refusal)) => return Err(refusal),
                (Err(error), None) => return Err(error.into()),
            };
            match self.open_again(stream, addresses.host()) {
                Err(error) if error.is_of_the_opening() && addresses.has_next() => {
                    refusal = Some(error);
                }
                opened => return opened,
            }
        }
    }

    /// Opens a session over a stream that was connected just now. With TLS, the
    /// certificate must be for this host.
    ///
    /// # Errors
    /// [`Error::Session`] if the server refuses the session, [`Error::Tls`] if
    /// TLS cannot be established.
    pub fn open<S: Stream>(&self, stream: S, host: &str) -> Result<Connection<S>, Error> {
        self.open_with(&self.config, stream, host)
    }

    /// Opens a session; or else another, over another connection to the same
    /// address, if the session has an idea how that could be of use.
    fn open_again(&self, stream: TcpStream, host: &str) -> Result<Connection, Error> {
        let address = stream.peer_addr();
        let error = match self.open(stream, host) {
            Err(error) => error,
            opened => return opened,
        };
        let config = error.session().and_then(|error| self.config.after(error));
        let (Some(config), Ok(address)) = (config, address) else {
            return Err(error);
        };
        match connect_once(&address, self.timeout) {
            Ok(stream) => self.open_with(&config, stream, host),
            Err(_) => Err(error),
        }
    }

    fn open_with<S: Stream>(
        &self,
        config: &Config,
        stream: S,
        host: &str,
    ) -> Result<Connection<S>, Error> {
        let mut session = Session::new(config.clone(), Instant::ORIGIN);
        if let Some(transcript) = &self.transcript {
            session.set_transcript(transcript());
        }
        Connection::begin_session(stream, session, &self.tls, host)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("config", &self.config)
            .field("tls", &self.tls)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
