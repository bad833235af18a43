//! What an adapter needs of a stream.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// A stream of octets in both directions, whose reads and writes can be given a
/// time limit.
///
/// Implemented for the sockets of `std`, and easily for anything around one:
/// pass the limits on to the socket. A read or write that runs out of time
/// fails with [`io::ErrorKind::WouldBlock`] or [`io::ErrorKind::TimedOut`], and
/// loses nothing. A stream that fails so at once, such as a socket in
/// non-blocking mode, works, but keeps the processor busy while it waits.
pub trait Stream: Read + Write {
    /// Limits how long a read may take; `None` is for ever. Never called with
    /// zero.
    ///
    /// # Errors
    /// That of the socket.
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()>;

    /// Limits how long a write may take; `None` is for ever. Never called with
    /// zero.
    ///
    /// # Errors
    /// That of the socket.
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()>;

    /// Says to the peer that nothing more will be written, while reading goes
    /// on. Streams that cannot do so may do nothing.
    ///
    /// # Errors
    /// That of the socket.
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for TcpStream {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, limit)
    }

    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, limit)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Stream for std::os::unix::net::UnixStream {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, limit)
    }

    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, limit)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        (**self).set_read_timeout(limit)
    }

    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        (**self).set_write_timeout(limit)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        (**self).shutdown_write()
    }
}
