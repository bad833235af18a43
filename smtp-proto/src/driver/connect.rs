//! The addresses of a host, and why none of them would do.

use std::{
    borrow::ToOwned, error, fmt, io, net::SocketAddr, string::String, time::Duration, vec, vec::Vec,
};

/// The port between servers, which providers often block.
const SMTP_PORT: u16 = 25;

/// The addresses of a host, each to be tried in turn, and what came of those
/// that were.
#[derive(Debug)]
pub struct Addresses {
    host: String,
    port: u16,
    timeout: Duration,
    left: vec::IntoIter<SocketAddr>,
    failures: Vec<(SocketAddr, io::Error)>,
}

impl Addresses {
    /// The addresses of a host, however they were found. `timeout` is the time
    /// limit that each is tried with.
    #[must_use]
    pub fn new(host: &str, port: u16, timeout: Duration, addresses: Vec<SocketAddr>) -> Self {
        Self {
            host: host.to_owned(),
            port,
            timeout,
            left: addresses.into_iter(),
            failures: Vec::new(),
        }
    }

    /// The address itself, if that is what the host was given as. Brackets may
    /// stand around it.
    #[must_use]
    pub fn literal(host: &str, port: u16, timeout: Duration) -> Option<Self> {
        let address = host.trim_matches(['[', ']']).parse().ok()?;
        let addresses = vec![SocketAddr::new(address, port)];
        Some(Self::new(host, port, timeout, addresses))
    }

    /// The host, as it was given.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// How long to try an address.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether there is an address that was not tried.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.left.len() > 0
    }

    /// The next address to try. It stays the next until it was
    /// [`tried`](Self::tried).
    #[must_use]
    pub fn next_address(&self) -> Option<SocketAddr> {
        self.left.as_slice().first().copied()
    }

    /// The next address was tried, and this came of it: a connection, or a
    /// failure, which is kept.
    pub fn tried<T>(&mut self, connected: io::Result<T>) -> Option<T> {
        let address = self.left.next()?;
        match connected {
            Ok(connection) => Some(connection),
            Err(error) => {
                self.failures.push((address, error));
                None
            }
        }
    }

    /// Why no connection could be made, now that none is left.
    pub fn give_up(&mut self) -> ConnectError {
        ConnectError {
            host: self.host.clone(),
            port: self.port,
            timeout: self.timeout,
            cause: Cause::Addresses(std::mem::take(&mut self.failures)),
        }
    }
}

/// Why no connection could be made.
#[derive(Debug)]
pub struct ConnectError {
    host: String,
    port: u16,
    timeout: Duration,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    LookUp(io::Error),
    Addresses(Vec<(SocketAddr, io::Error)>),
}

impl ConnectError {
    /// The name of the host could not be looked up.
    #[must_use]
    pub fn of_the_name(host: &str, port: u16, timeout: Duration, error: io::Error) -> Self {
        Self {
            host: host.to_owned(),
            port,
            timeout,
            cause: Cause::LookUp(error),
        }
    }

    /// The host, as it was given.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The addresses that were tried, each with what came of it.
    #[must_use]
    pub fn attempts(&self) -> &[(SocketAddr, io::Error)] {
        match &self.cause {
            Cause::LookUp(_) => &[],
            Cause::Addresses(attempts) => attempts,
        }
    }

    /// Whether this looks like a provider that blocks port 25.
    #[must_use]
    pub fn is_likely_blocked(&self) -> bool {
        self.port == SMTP_PORT && !self.attempts().is_empty()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            port,
            timeout,
            cause,
        } = self;
        let limit = timeout.as_secs_f32();
        write!(f, "cannot connect to {host} port {port}")?;
        match cause {
            Cause::LookUp(error) if error.kind() == io::ErrorKind::TimedOut => {
                write!(f, ": looking up the name took more than {limit} s")?;
            }
            Cause::LookUp(error) => write!(f, ": {error}")?,
            Cause::Addresses(attempts) if attempts.is_empty() => f.write_str(": no address")?,
            Cause::Addresses(attempts) => {
                for (address, error) in attempts {
                    match error.kind() {
                        io::ErrorKind::TimedOut => {
                            write!(f, "; {address}: no answer for {limit} s")?;
                        }
                        io::ErrorKind::ConnectionRefused => write!(f, "; {address}: refused")?,
                        _ => write!(f, "; {address}: {error}")?,
                    }
                }
            }
        }
        if self.is_likely_blocked() {
            f.write_str(
                ". Many providers block port 25 for their customers: mail then has to go \
                 through a relay, usually at port 587 or 465",
            )?;
        }
        Ok(())
    }
}

impl error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.cause {
            Cause::LookUp(error) => Some(error),
            Cause::Addresses(attempts) => attempts.last().map(|(_, error)| error as _),
        }
    }
}
