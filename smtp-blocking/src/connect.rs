//! Finding a host, and connecting to it.

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::Duration,
};

use smtp_proto::driver::{self, ConnectError};

/// The time limit of [`Connection::connect`](crate::Connection::connect), for
/// looking up the name, and again for each address.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

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
pub struct Addresses(driver::Addresses);

impl Addresses {
    /// Looks up a host, given by name or address. That may take `timeout`, and
    /// so may connecting to each address.
    ///
    /// # Errors
    /// [`ConnectError`] if there is no such host, or the resolver took too long.
    pub fn look_up(host: &str, port: u16, timeout: Duration) -> Result<Self, ConnectError> {
        if let Some(literal) = driver::Addresses::literal(host, port, timeout) {
            return Ok(Self(literal));
        }
        match look_up(host, port, timeout) {
            Ok(addresses) => Ok(Self::new(host, port, timeout, addresses)),
            Err(error) => Err(ConnectError::of_the_name(host, port, timeout, error)),
        }
    }

    /// Addresses that were found in another way.
    #[must_use]
    pub fn new(host: &str, port: u16, timeout: Duration, addresses: Vec<SocketAddr>) -> Self {
        Self(driver::Addresses::new(host, port, timeout, addresses))
    }

    /// The host, as it was given.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host()
    }

    /// Whether there is an address that was not tried.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.0.has_next()
    }

    /// Connects to the next address that answers.
    ///
    /// # Errors
    /// [`ConnectError`] if none is left that does. It names all that failed.
    pub fn connect_next(&mut self) -> Result<TcpStream, ConnectError> {
        let timeout = self.0.timeout();
        while let Some(address) = self.0.next_address() {
            if let Some(stream) = self.0.tried(connect_once(&address, timeout)) {
                return Ok(stream);
            }
        }
        Err(self.0.give_up())
    }
}

pub(crate) fn connect_once(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    // Zero would be an error, and not a time limit.
    let timeout = timeout.max(Duration::from_millis(1));
    let stream = TcpStream::connect_timeout(address, timeout)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Looks up a name, in a thread that is left to itself when it takes too long:
/// the resolver of the system has no time limit.
fn look_up(host: &str, port: u16, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
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
