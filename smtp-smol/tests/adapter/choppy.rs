//! The stream of the tests that does everything a stream may do, without
//! blocking.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use async_net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};

use super::Unblocked;
use crate::common::choppy::Choppy;

pub(crate) struct Unblocking {
    stream: TcpStream,
    most: usize,
    fails: Option<(usize, ErrorKind)>,
    calls: usize,
}

impl Unblocked for Choppy {
    type Stream = Unblocking;

    fn unblocked(self) -> Unblocking {
        Unblocking {
            stream: self.stream.unblocked(),
            most: self.most,
            fails: self.fails,
            calls: self.calls,
        }
    }
}

impl Unblocking {
    /// Whether this call fails or hesitates.
    fn poll_call(&mut self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.calls += 1;
        match self.fails {
            Some((every, ErrorKind::Interrupted)) if self.calls.is_multiple_of(every) => {
                Poll::Ready(Err(ErrorKind::Interrupted.into()))
            }
            Some((every, _)) if self.calls.is_multiple_of(every) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for Unblocking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.poll_call(context))?;
        let most = self.most.min(to.len());
        Pin::new(&mut self.stream).poll_read(context, &mut to[..most])
    }
}

impl AsyncWrite for Unblocking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.poll_call(context))?;
        let most = self.most.min(from.len());
        Pin::new(&mut self.stream).poll_write(context, &from[..most])
    }

    /// Takes the end of one slice and the beginning of the next, if that is
    /// where the most ends.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = from
            .iter()
            .flat_map(|slice| slice.iter())
            .copied()
            .collect();
        self.poll_write(context, &all)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}
