//! From a connection in clear to one inside TLS.

use std::future::Future;

use async_io::Timer;
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::future;
use smtp_proto::{Instant, TlsFailure, TlsInfo, driver::Machine, server::Session};

use crate::{Service, channel::Channel, tls::Hello, transport::Transport};

/// What came of a handshake.
pub(crate) enum Handshake<S> {
    Established(Transport<S>, TlsInfo),
    Failed(Transport<S>, TlsFailure),
    /// The session knows. The connection is closed.
    TimedOut,
    /// The caller said so. The connection is closed.
    Stopped,
}

/// Makes the handshake, unless the deadline of the session passes before, or
/// `stop` is ready.
pub(crate) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    transport: Transport<S>,
    session: &mut impl Machine,
    hello: Result<Hello, TlsFailure>,
    stop: impl Future<Output = ()>,
) -> Handshake<S> {
    let (channel, opened) = transport.into_parts();
    let (hello, stream) = match (hello, channel) {
        (Ok(hello), Channel::Plain(stream)) => (hello, stream),
        (Err(failure), channel) => {
            return Handshake::Failed(Transport::over(channel, opened), failure);
        }
        // No session wants TLS inside TLS.
        #[cfg(feature = "tls")]
        (Ok(_), Channel::Tls(_)) => return Handshake::Stopped,
    };
    let made = async {
        // In a box: of the many connections that wait, few shake hands.
        match Box::pin(hello.shake_hands(stream)).await {
            Ok((channel, info)) => Handshake::Established(Transport::over(channel, opened), info),
            Err((stream, failure)) => {
                Handshake::Failed(Transport::over(Channel::Plain(stream), opened), failure)
            }
        }
    };
    let stopped = async {
        stop.await;
        Handshake::Stopped
    };
    let deadline = session
        .poll_timeout()
        .and_then(|at| opened.checked_add(at.since_origin()));
    let too_late = async {
        deadline.map_or_else(Timer::never, Timer::at).await;
        session.handle_timeout(Instant::from_origin(opened.elapsed()));
        Handshake::TimedOut
    };
    future::or(made, future::or(stopped, too_late)).await
}

/// Tells a server session, and its service, what came of a handshake. `None` if
/// the connection is closed.
pub(crate) fn tell<S: AsyncRead + AsyncWrite + Unpin>(
    made: Handshake<S>,
    session: &mut Session,
    service: &mut impl Service,
) -> Option<Transport<S>> {
    match made {
        Handshake::Established(transport, info) => {
            service.secured(&info);
            session.handle_tls_established(info, transport.now());
            Some(transport)
        }
        Handshake::Failed(transport, failure) => {
            service.not_secured(&failure);
            session.handle_tls_failed(transport.now());
            Some(transport)
        }
        Handshake::TimedOut => {
            service.not_secured(&TlsFailure::TimedOut);
            None
        }
        Handshake::Stopped => None,
    }
}
