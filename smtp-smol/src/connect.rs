//! Finding a host, and connecting to it.

use std::{
    io,
    net::{self, SocketAddr, ToSocketAddrs},
    time::Duration,
};

use async_io::{Async, Timer};
use async_net::TcpStream;
use futures_lite::future;
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
pub async fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, ConnectError> {
    let mut addresses = Addresses::look_up(host, port, timeout).await?;
    addresses.connect_next().await
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
    pub async fn look_up(host: &str, port: u16, timeout: Duration) -> Result<Self, ConnectError> {
        if let Some(literal) = driver::Addresses::literal(host, port, timeout) {
            return Ok(Self(literal));
        }
        match within(timeout, look_up(host, port)).await {
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

    /// Connects to the next address that answers. If the future is dropped, the
    /// address that it was at is tried again.
    ///
    /// # Errors
    /// [`ConnectError`] if none is left that does. It names all that failed.
    pub async fn connect_next(&mut self) -> Result<TcpStream, ConnectError> {
        while let Some(address) = self.0.next_address() {
            let connected = connect_once(address, self.0.timeout()).await;
            if let Some(stream) = self.0.tried(connected) {
                return Ok(stream);
            }
        }
        Err(self.0.give_up())
    }
}

pub(crate) async fn connect_once(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let connecting = Async::<net::TcpStream>::connect(address);
    let stream = TcpStream::from(within(timeout, connecting).await?);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Looks up a name, in a thread that is left to itself when it takes too long:
/// the resolver of the system has no time limit. The pool that it comes from
/// has a bound.
async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let name = host.to_owned();
    blocking::unblock(move || {
        let addresses = (name.as_str(), port).to_socket_addrs();
        addresses.map(Iterator::collect)
    })
    .await
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let too_long = async {
        Timer::after(limit).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    future::or(work, too_long).await
}
