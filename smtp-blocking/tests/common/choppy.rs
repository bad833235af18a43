//! A stream that does everything a stream may do.

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    net::TcpStream,
    time::Duration,
};

use smtp_blocking::Stream;

/// A socket behind short reads, short writes, and interruptions.
#[derive(Debug)]
pub(crate) struct Choppy {
    pub(crate) stream: TcpStream,
    /// The most that one call moves.
    pub(crate) most: usize,
    /// Every so many calls fail with this first.
    pub(crate) fails: Option<(usize, ErrorKind)>,
    pub(crate) calls: usize,
}

impl Choppy {
    pub(crate) fn new(stream: TcpStream, most: usize) -> Self {
        Self {
            stream,
            most,
            fails: None,
            calls: 0,
        }
    }

    pub(crate) fn failing(mut self, every: usize, kind: ErrorKind) -> Self {
        self.fails = Some((every, kind));
        self
    }

    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.fails {
            Some((every, kind)) if self.calls.is_multiple_of(every) => Err(kind.into()),
            _ => Ok(()),
        }
    }
}

impl Read for Choppy {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.call()?;
        let most = self.most.min(to.len());
        self.stream.read(&mut to[..most])
    }
}

impl Write for Choppy {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.call()?;
        self.stream.write(&from[..self.most.min(from.len())])
    }

    /// Takes the end of one slice and the beginning of the next, if that is
    /// where the most ends.
    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.call()?;
        let all: Vec<u8> = from
            .iter()
            .flat_map(|slice| slice.iter())
            .copied()
            .collect();
        self.stream.write(&all[..self.most.min(all.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for Choppy {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        assert_ne!(limit, Some(Duration::ZERO));
        self.stream.set_read_timeout(limit)
    }

    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        assert_ne!(limit, Some(Duration::ZERO));
        self.stream.set_write_timeout(limit)
    }
}
