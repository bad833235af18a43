//! TLS over a stream that may run out of time at any moment.

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    mem,
};

pub(crate) use smtp_proto::tls::{ClientSide, ServerSide};
use smtp_proto::{
    TlsFailure, TlsInfo,
    tls::{ClientTls, ServerTls, rustls::Connection},
};

use crate::transport::is_for_later;

/// How much is encrypted before it has to be written: a record, more or less. A
/// peer that takes nothing has no more than this behind it, and a deadline is
/// met by octets that have really left.
const BUFFERED: usize = 16 * 1024;

/// The beginning of a handshake with this host.
pub(crate) fn call(side: &ClientSide, host: &str) -> Result<Tls, TlsFailure> {
    let tls = side.get()?;
    let mut connection = tls.connection(host)?;
    connection.set_buffer_limit(Some(BUFFERED));
    Ok(Tls::new(connection.into(), Side::Client(tls.clone())))
}

/// The beginning of a handshake with a client.
pub(crate) fn answer(side: &ServerSide) -> Result<Tls, TlsFailure> {
    let tls = side.get()?;
    let mut connection = tls.connection()?;
    connection.set_buffer_limit(Some(BUFFERED));
    Ok(Tls::new(connection.into(), Side::Server(tls.clone())))
}

/// What a connection was made with.
#[derive(Debug)]
enum Side {
    Client(ClientTls),
    Server(ServerTls),
}

/// The half of TLS that is not the stream.
///
/// What was encrypted is kept until the stream has taken it, whatever errors
/// come between. No call waits longer than one read and one write of the stream
/// do: after a piece of progress that is of no use to the caller yet, it fails
/// with [`ErrorKind::Interrupted`], and the caller, who knows the deadline, tries
/// again.
#[derive(Debug)]
pub(crate) struct Tls {
    connection: Connection,
    side: Side,
    /// The last write ran out of time: the next read does not try another one
    /// before it listens.
    stalled: bool,
    /// A write failed for good.
    write_failed: bool,
}

impl Tls {
    fn new(connection: Connection, side: Side) -> Self {
        Self {
            connection,
            side,
            stalled: false,
            write_failed: false,
        }
    }

    /// Moves the handshake on, by one read or write. Whether it is complete, and
    /// everything that belongs to it has left.
    pub(crate) fn shake_hands(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        if self.connection.wants_write() {
            match self.write_some(stream) {
                Err(error) if !is_for_later(&error) => return Err(self.reason(stream, error)),
                written => written?,
            }
        } else if self.connection.is_handshaking() && !self.read_some(stream)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(!self.connection.is_handshaking() && !self.connection.wants_write())
    }

    /// What there is to know once the handshake is complete.
    pub(crate) fn info(&self) -> TlsInfo {
        match (&self.connection, &self.side) {
            (Connection::Client(connection), Side::Client(tls)) => tls.info(connection),
            (Connection::Server(connection), Side::Server(tls)) => tls.info(connection),
            _ => TlsInfo::new(),
        }
    }

    /// Reads what the peer says inside TLS. Zero is its end, which it has
    /// announced; an end that it has not is [`ErrorKind::UnexpectedEof`].
    pub(crate) fn read(
        &mut self,
        stream: &mut (impl Read + Write),
        to: &mut [u8],
    ) -> io::Result<usize> {
        if let Some(read) = self.decrypted(to) {
            return read;
        }
        // The peer may wait for this before it says anything.
        if self.is_behind() && !mem::take(&mut self.stalled) {
            match self.write_some(stream) {
                Ok(()) if self.connection.wants_write() => {
                    return Err(ErrorKind::Interrupted.into());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                // Why a write failed is for the peer to say, if it did.
                Ok(()) | Err(_) => {}
            }
        }
        self.read_some(stream)?;
        self.decrypted(to)
            .unwrap_or_else(|| Err(ErrorKind::Interrupted.into()))
    }

    /// Encrypts, and writes what the stream takes of it at once. What was
    /// encrypted before has to leave first.
    pub(crate) fn write_vectored(
        &mut self,
        stream: &mut impl Write,
        from: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        if self.connection.wants_write() {
            let written = self.write_some(stream);
            self.stalled = written.as_ref().is_err_and(is_for_later);
            written?;
            if self.connection.wants_write() {
                return Err(ErrorKind::Interrupted.into());
            }
        }
        let taken = self.connection.writer().write_vectored(from)?;
        if taken == 0 {
            return Ok(0);
        }
        match self.write_some(stream) {
            Err(error) if !is_for_later(&error) => Err(error),
            written => {
                self.stalled = written.is_err();
                Ok(taken)
            }
        }
    }

    /// Whether something is left to write, and can be.
    pub(crate) fn is_behind(&self) -> bool {
        self.connection.wants_write() && !self.write_failed
    }

    /// Writes some of what is left to write. Whether there is more.
    pub(crate) fn flush(&mut self, stream: &mut impl Write) -> io::Result<bool> {
        if self.connection.wants_write() {
            self.write_some(stream)?;
        }
        Ok(self.connection.wants_write())
    }

    /// Announces the end of what is written. It is yet to be flushed.
    pub(crate) fn close(&mut self) {
        if !self.connection.is_handshaking() {
            self.connection.send_close_notify();
        }
    }

    /// What was read and decrypted before, or the end after it.
    fn decrypted(&mut self, to: &mut [u8]) -> Option<io::Result<usize>> {
        match self.connection.reader().read(to) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            read => Some(read),
        }
    }

    /// One write of the stream.
    fn write_some(&mut self, stream: &mut impl Write) -> io::Result<()> {
        let written = match self.connection.write_tls(stream) {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            written => written.map(|_| ()),
        };
        self.write_failed |= written.as_ref().is_err_and(|error| !is_for_later(error));
        written
    }

    /// One read of the stream, and what follows from it. `false` at its end.
    fn read_some(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        let read = self.connection.read_tls(stream)?;
        if let Err(error) = self.connection.process_new_packets() {
            // The peer is told why, if it takes that at once.
            let _ = self.write_some(stream);
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(read > 0)
    }

    /// Why a write failed: the peer may have said so before it closed.
    fn reason(&mut self, stream: &mut (impl Read + Write), error: io::Error) -> io::Error {
        match self.read_some(stream) {
            Err(reason) if reason.kind() == ErrorKind::InvalidData => reason,
            _ => error,
        }
    }
}

/// Why there is no TLS, after a read or write of a handshake has failed.
pub(crate) fn failure(error: &io::Error) -> TlsFailure {
    error.into()
}
