//! Finding a host, and connecting to it.

use std::{
    error, fmt, io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::Duration,
    vec,
};

/// The time limit of [`Connection::connect`](crate::Connection::connect), for
/// looking up the name, and again for each address.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The port between servers, which providers often block.
const SMTP_PORT: u16 = 25;

/// Connects to a host, given by name or address: to each of its addresses in
/// turn, in the order of the resolver, until one answers.
///
/// Looking up the name may take `timeout`, and so may each address.
///
/// # Errors
/// [`ConnectError`], which names every address that was tried.
pub fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, ConnectError> {
    Addresses::look_up(host, port, timeout)?.connect_next()
}

/// The addresses of a host, for whoever wants to try another one after a server
/// that answered would not have a session.
#[derive(Debug)]
pub struct Addresses {
    host: String,
    port: u16,
    timeout: Duration,
    left: vec::IntoIter<SocketAddr>,
    failures: Vec<(SocketAddr, io::Error)>,
}

impl Addresses {
    /// Looks up a host, given by name or address. That may take `timeout`, and
    /// so may connecting to each address.
    ///
    /// # Errors
    /// [`ConnectError`] if there is no such host, or the resolver took too long.
    pub fn look_up(host: &str, port: u16, timeout: Duration) -> Result<Self, ConnectError> {
        match look_up(host, port, timeout) {
            Ok(addresses) => Ok(Self::new(host, port, timeout, addresses)),
            Err(error) => Err(ConnectError {
                host: host.to_owned(),
                port,
                timeout,
                cause: Cause::LookUp(error),
            }),
        }
    }

    /// Addresses that were found in another way.
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

    /// Whether there is an address that was not tried.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.left.len() > 0
    }

    /// Connects to the next address that answers.
    ///
    /// # Errors
    /// [`ConnectError`] if none is left that does. It names all that failed.
    pub fn connect_next(&mut self) -> Result<TcpStream, ConnectError> {
        // Zero would be an error, and not a time limit.
        let timeout = self.timeout.max(Duration::from_millis(1));
        for address in self.left.by_ref() {
            let connected = TcpStream::connect_timeout(&address, timeout)
                .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => self.failures.push((address, error)),
            }
        }
        Err(ConnectError {
            host: self.host.clone(),
            port: self.port,
            timeout: self.timeout,
            cause: Cause::Addresses(std::mem::take(&mut self.failures)),
        })
    }
}

/// Looks up a name, in a thread that is left to itself when it takes too long:
/// the resolver of the system has no time limit.
fn look_up(host: &str, port: u16, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.to_owned();
    // The name of the thread is not that of the host: a thread cannot be called
    // by every string.
    thread::Builder::new()
        .name("smtp look-up".to_owned())
        .spawn(move || {
            let addresses = (name.as_str(), port).to_socket_addrs();
            // Nobody listens any more if it took too long.
            let _ = sender.send(addresses.map(Iterator::collect));
        })?;
    receiver
        .recv_timeout(timeout)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails may panic")]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    // Not every machine has a name with several addresses.
    #[test]
    fn m01_each_address_is_tried_in_turn() {
        let timeout = Duration::from_secs(5);
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (first, second) = (listen(), listen());
        let closed = listen().local_addr().unwrap();
        let [one, two] = [&first, &second].map(|listener| listener.local_addr().unwrap());
        let of = |addresses| Addresses::new("mx.example.net", 25, timeout, addresses);
        for (addresses, expected) in [
            (vec![one, two], &[one, two][..]),
            (vec![closed, two], &[two]),
            (vec![closed, closed, one, two], &[one, two]),
        ] {
            let mut addresses = of(addresses);
            for expected in expected {
                assert!(addresses.has_next());
                let stream = addresses.connect_next().unwrap();
                assert_eq!(stream.peer_addr().unwrap(), *expected);
            }
            assert!(!addresses.has_next());
        }
        let error = of(vec![closed, closed]).connect_next().unwrap_err();
        assert_eq!(error.attempts().len(), 2);
        assert!(error.is_likely_blocked());
        let error = of(Vec::new()).connect_next().unwrap_err();
        assert!(error.attempts().is_empty());
    }
}
