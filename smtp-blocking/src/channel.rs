//! A stream, in clear or inside TLS.

use std::{
    io::{self, IoSlice},
    time::{Duration, Instant},
};

use smtp_proto::TlsInfo;

use crate::{Stream, tls::Tls, transport::is_for_later};

/// The shortest time limit that a socket is given: zero means for ever to it.
pub(crate) const GLANCE: Duration = Duration::from_millis(1);

/// The time limits are those of the stream: a read or write waits as long as
/// one of its own, or two with TLS.
pub(crate) struct Channel<S> {
    stream: S,
    tls: Option<Box<Tls>>,
    read_limit: Option<Duration>,
    write_limit: Option<Duration>,
}

impl<S: Stream> Channel<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            tls: None,
            read_limit: None,
            write_limit: None,
        }
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) fn read(&mut self, to: &mut [u8], limit: Duration) -> io::Result<usize> {
        // What is left to write should not wait for long.
        let is_behind = self.tls.as_ref().is_some_and(|tls| tls.is_behind());
        self.limit_read(if is_behind { GLANCE } else { limit })?;
        match &mut self.tls {
            None => self.stream.read(to),
            Some(tls) => tls.read(&mut self.stream, to),
        }
    }

    pub(crate) fn write_vectored(
        &mut self,
        from: &[IoSlice<'_>],
        limit: Duration,
    ) -> io::Result<usize> {
        self.limit_write(limit)?;
        match &mut self.tls {
            None => self.stream.write_vectored(from),
            Some(tls) => tls.write_vectored(&mut self.stream, from),
        }
    }

    /// Begins a handshake. From now on, all that is read and written is inside
    /// TLS, or not at all.
    pub(crate) fn secure(&mut self, tls: Tls) {
        self.tls = Some(Box::new(tls));
    }

    /// Moves the handshake on by one read or write. What there is to know of the
    /// connection, once it is complete.
    pub(crate) fn shake_hands(&mut self, limit: Duration) -> io::Result<Option<TlsInfo>> {
        self.limit_read(limit)?;
        self.limit_write(limit)?;
        let Some(tls) = &mut self.tls else {
            return Ok(None);
        };
        let complete = tls.shake_hands(&mut self.stream)?;
        Ok(complete.then(|| tls.info()))
    }

    /// Announces the end inside TLS (RFC 8314 section 3.4), and writes it with
    /// whatever is left, as far as the peer takes that in time.
    pub(crate) fn close(&mut self, time: Duration) {
        let Some(tls) = &mut self.tls else {
            return;
        };
        tls.close();
        let until = Instant::now() + time;
        if self.limit_write(time).is_err() {
            return;
        }
        while let Some(tls) = &mut self.tls
            && Instant::now() < until
        {
            match tls.flush(&mut self.stream) {
                Ok(true) => {}
                Err(error) if is_for_later(&error) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Ends what is written, while reading goes on.
    pub(crate) fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown_write()
    }

    fn limit_read(&mut self, limit: Duration) -> io::Result<()> {
        if self.read_limit != Some(limit) {
            self.read_limit = None;
            self.stream.set_read_timeout(Some(limit))?;
            self.read_limit = Some(limit);
        }
        Ok(())
    }

    fn limit_write(&mut self, limit: Duration) -> io::Result<()> {
        if self.write_limit != Some(limit) {
            self.write_limit = None;
            self.stream.set_write_timeout(Some(limit))?;
            self.write_limit = Some(limit);
        }
        Ok(())
    }
}
