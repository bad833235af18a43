//! A client's connection.

use std::{fmt, net::TcpStream};

use smtp_proto::{
    Entry, Instant, TlsFailure,
    client::{self, CommandError, Config, Event, Session, Transaction},
    types::Capabilities,
};

use crate::{
    Addresses, Connector, Error, Stream,
    message::Message,
    tls::{self, ClientSide, Tls},
    transport::{Handshake, Transport, seed},
};

/// A session with a server, over a stream.
///
/// Each method does one thing and waits for its end. An [`Error::Session`] is
/// the end of the connection; after any other error, and after a refusal, the
/// connection can be used again.
pub struct Connection<S: Stream = TcpStream> {
    pub(crate) session: Session,
    transport: Transport<S>,
    /// Why TLS could not be established.
    tls_failure: Option<TlsFailure>,
}

impl Connection<TcpStream> {
    /// Connects to a host, given by name or address, within
    /// [`CONNECT_TIMEOUT`](crate::CONNECT_TIMEOUT), and opens a session. With
    /// TLS, the certificate must be for this host, and issued by somebody whom
    /// the system trusts; a [`Connector`] says it otherwise.
    ///
    /// # Errors
    /// As [`Connector::connect_to`].
    pub fn connect(host: &str, port: u16, config: Config) -> Result<Self, Error> {
        Connector::new(config).connect(host, port)
    }

    /// Connects to one of these addresses, and opens a session: at each in turn,
    /// until one answers and will have a session.
    ///
    /// # Errors
    /// As [`Connector::connect_to`].
    pub fn connect_to(addresses: Addresses, config: Config) -> Result<Self, Error> {
        Connector::new(config).connect_to(addresses)
    }
}

/// For a pool.
impl Connection<TcpStream> {
    /// Takes in what the server has said since the connection was last used,
    /// without waiting.
    pub(crate) fn look(&mut self) {
        self.transport.look(&mut self.session);
        // An error is there to be seen in the session, too.
        let _ = self.check_open();
    }

    /// Says QUIT, if the server takes it at once, and closes the connection.
    pub(crate) fn leave(mut self) {
        // It is an error if the session has ended, and none here.
        let _ = self.session.quit();
        self.transport.farewell(&mut self.session);
    }
}

impl<S: Stream> Connection<S> {
    /// Opens a session over a stream that was connected just now: waits for the
    /// greeting, and says hello. No name is known here that a certificate could
    /// be checked against: for TLS, use [`Connector::open`]. A socket of one's own
    /// should have `TCP_NODELAY`, as one that [`connect`](crate::connect) has made
    /// has: without it the end of a message waits for acknowledgements.
    ///
    /// # Errors
    /// [`Error::Session`] if the server refuses the session.
    pub fn open(stream: S, config: Config) -> Result<Self, Error> {
        Connector::new(config).open(stream, "")
    }

    /// As [`open`](Self::open), and passes each command and each reply to
    /// `transcript`. Secrets are masked.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_transcript(
        stream: S,
        config: Config,
        transcript: impl FnMut(Entry<'_>) + Send + 'static,
    ) -> Result<Self, Error> {
        let mut session = Session::new(config, Instant::ORIGIN);
        session.set_transcript(transcript);
        Self::begin_session(stream, session, &ClientSide::default(), "")
    }

    /// Waits until the session is open.
    pub(crate) fn begin_session(
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
            tls_failure: None,
        };
        while !connection.wait_for(|event| match event {
            Event::StartTls => Some(false),
            Event::Ready => Some(true),
            _ => None,
        })? {
            connection.shake_hands(tls::call(side, host));
        }
        Ok(connection)
    }

    fn shake_hands(&mut self, tls: Result<Tls, TlsFailure>) {
        let made = match tls {
            Ok(tls) => self.transport.shake_hands(&mut self.session, tls, || true),
            Err(failure) => Handshake::Failed(failure),
        };
        let now = self.transport.now();
        match made {
            Handshake::Established(info) => self.session.handle_tls_established(info, now),
            Handshake::Failed(failure) => {
                self.tls_failure = Some(failure);
                self.session.handle_tls_failed(now);
            }
            Handshake::TimedOut | Handshake::Stopped => self.session.handle_tls_failed(now),
        }
    }

    /// Begins a message in stages: sends MAIL, and waits for the answer. The
    /// transaction may have recipients already; their answers are in the
    /// outcome.
    ///
    /// # Errors
    /// [`Error::HasContent`] if the transaction was given content,
    /// [`Error::Refused`] if the server refuses the sender, or any other
    /// [`Error`].
    pub fn begin(&mut self, transaction: Transaction) -> Result<Message<'_, S>, Error> {
        if transaction.has_content() {
            return Err(Error::HasContent);
        }
        self.check_session()?;
        let id = self.session.mail(transaction)?;
        Message::begin(self, id)
    }

    /// Ends the session with QUIT, and closes the connection. Whatever the
    /// server answers, or whether it does, changes nothing.
    ///
    /// # Errors
    /// [`Error::Session`] if the session had ended before.
    pub fn quit(mut self) -> Result<(), Error> {
        // QUIT abandons what was left in stages, without RSET; but in content it
        // would not be one, and nobody supplies the rest.
        if self.session.wants_content() {
            self.session.abort();
        }
        self.check_open()?;
        self.session.quit()?;
        self.close()
    }

    /// Waits for the end of a session that was told to end.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        self.wait_for(|event| matches!(event, Event::Closed).then_some(()))?;
        self.transport.farewell(&mut self.session);
        Ok(())
    }

    /// What the server offers.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        self.session.capabilities()
    }

    /// The session, to look at.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The stream, to look at.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.transport.stream()
    }

    /// Abandons what was left in stages, and tells of a session that has ended.
    pub(crate) fn check_session(&mut self) -> Result<(), Error> {
        self.session.abandon();
        self.check_open()
    }

    /// Tells of a session that has ended since it was last used.
    pub(crate) fn check_open(&mut self) -> Result<(), Error> {
        while self.next_event()?.is_some() {}
        Ok(())
    }

    /// Why a request cannot be made: the end of the session, if that is why.
    pub(crate) fn explain(&mut self, error: CommandError) -> Error {
        self.check_open().err().unwrap_or(Error::Command(error))
    }

    /// The next event, if there is one.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, Error> {
        match self.session.poll_event() {
            Ok(event) => Ok(event),
            Err(error) => Err(self.ended(error)),
        }
    }

    /// The session has ended. Says so to the server, if it listens.
    #[cold]
    fn ended(&mut self, error: client::Error) -> Error {
        self.transport.farewell(&mut self.session);
        let cause = self.transport.take_error();
        match self.tls_failure.clone() {
            Some(failure) => Error::Tls { failure, error },
            None => Error::Session { error, cause },
        }
    }

    /// Moves octets once.
    pub(crate) fn step(&mut self) {
        self.transport.step(&mut self.session);
    }

    /// Waits for an event of which `take` makes something. Others are dropped.
    pub(crate) fn wait_for<T>(
        &mut self,
        mut take: impl FnMut(Event) -> Option<T>,
    ) -> Result<T, Error> {
        loop {
            match self.session.poll_event() {
                Ok(None) => self.step(),
                Ok(Some(event)) => {
                    if let Some(taken) = take(event) {
                        return Ok(taken);
                    }
                }
                Err(error) => return Err(self.ended(error)),
            }
        }
    }
}

/// Shows the session, which shows no content.
impl<S: Stream> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
