//! How a connection begins.

use std::future::pending;

use futures_io::{AsyncRead, AsyncWrite};
use smtp_proto::{
    Entry, Instant, TlsFailure,
    client::{Config, Event, Session},
    driver::Error,
};

use crate::{
    Addresses, Connection, Connector,
    handshake::{Handshake, shake_hands},
    tls::{self, ClientSide, Hello},
    transport::{Transport, seed},
};

impl Connection {
    /// Connects to a host, given by name or address, within
    /// [`CONNECT_TIMEOUT`](crate::CONNECT_TIMEOUT), and opens a session. With
    /// TLS, the certificate must be for this host, and issued by somebody whom
    /// the system trusts; a [`Connector`] says it otherwise.
    ///
    /// # Errors
    /// As [`Connector::connect_to`].
    pub async fn connect(host: &str, port: u16, config: Config) -> Result<Self, Error> {
        Connector::new(config).connect(host, port).await
    }

    /// Connects to one of these addresses, and opens a session: at each in turn,
    /// until one answers and will have a session.
    ///
    /// # Errors
    /// As [`Connector::connect_to`].
    pub async fn connect_to(addresses: Addresses, config: Config) -> Result<Self, Error> {
        Connector::new(config).connect_to(addresses).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Opens a session over a stream that was connected just now: waits for the
    /// greeting, and says hello. No name is known here that a certificate could
    /// be checked against: for TLS, use [`Connector::open`]. A socket of one's own
    /// should have `TCP_NODELAY`, as one that [`connect`](crate::connect) has made
    /// has: without it the end of a message waits for acknowledgements.
    ///
    /// # Errors
    /// [`Error::Session`] if the server refuses the session.
    pub async fn open(stream: S, config: Config) -> Result<Self, Error> {
        Connector::new(config).open(stream, "").await
    }

    /// As [`open`](Self::open), and passes each command and each reply to
    /// `transcript`. Secrets are masked.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with_transcript(
        stream: S,
        config: Config,
        transcript: impl FnMut(Entry<'_>) + Send + 'static,
    ) -> Result<Self, Error> {
        let mut session = Session::new(config, Instant::ORIGIN);
        session.set_transcript(transcript);
        Self::begin_session(stream, session, &ClientSide::default(), "").await
    }

    /// Waits until the session is open.
    pub(crate) async fn begin_session(
        stream: S,
        mut session: Session,
        side: &ClientSide,
        host: &str,
    ) -> Result<Self, Error> {
        if let Some(seed) = seed() {
            session.set_seed(seed);
        }
        let mut connection = Self {
            session,
            transport: Transport::new(stream),
        };
        while !connection
            .wait_for(|event| match event {
                Event::StartTls => Some(false),
                Event::Ready => Some(true),
                _ => None,
            })
            .await?
        {
            connection = connection.shake_hands(tls::call(side, host)).await?;
        }
        Ok(connection)
    }

    async fn shake_hands(self, hello: Result<Hello, TlsFailure>) -> Result<Self, Error> {
        let Self {
            mut session,
            transport,
        } = self;
        let made = shake_hands(transport, &mut session, hello, pending()).await;
        let failure = match made {
            Handshake::Established(transport, info) => {
                session.handle_tls_established(info, transport.now());
                return Ok(Self { session, transport });
            }
            Handshake::Failed(transport, failure) => {
                session.handle_tls_failed(transport.now());
                Some(failure)
            }
            Handshake::TimedOut | Handshake::Stopped => None,
        };
        let error = loop {
            match session.poll_event() {
                Err(error) => break error,
                Ok(Some(_)) => {}
                // It has ended already.
                Ok(None) => session.abort(),
            }
        };
        Err(match failure {
            Some(failure) => Error::Tls { failure, error },
            None => Error::Session { error, cause: None },
        })
    }
}
