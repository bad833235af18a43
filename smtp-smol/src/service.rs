//! One session of a receiver: the application's side, and the loop.

use std::{
    future::{Future, pending, poll_fn, ready},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use async_io::Timer;
use futures_io::{AsyncRead, AsyncWrite};
use smtp_proto::{
    TlsFailure, TlsInfo,
    sasl::Verdict,
    server::{
        Authenticate, Data, Discarded, Error, Event, Expand, Hello, Mail, Message, Rcpt, Rejection,
        Session, Verified, Verify,
    },
    types::Mailbox,
};

use crate::{
    handshake::{shake_hands, tell},
    tls::{self, ServerSide},
    transport::{LINGER, Transport, seed},
};

/// What a receiver decides, for one connection.
///
/// The methods are called in the order of the protocol, one at a time, and while
/// one waits, nothing is read from the client. An `Err` is the answer to the
/// client; everything that has to do with the protocol itself was checked
/// before. Write them as `async fn`.
///
/// No time limit is put on them; but clients do not wait for ever. What takes
/// the processor or a disk for long belongs in a thread
/// ([`blocking::unblock`](https://docs.rs/blocking)), since other connections
/// may share the one that calls.
pub trait Service: Send {
    /// The session is about to begin: a place to give it a transcript.
    fn start(&mut self, session: &mut Session) {
        let _ = session;
    }

    /// The connection is inside TLS from now on.
    fn secured(&mut self, tls: &TlsInfo) {
        let _ = tls;
    }

    /// TLS could not be established, and the session ends. A client that comes
    /// again and again like this is worth a line in a log.
    fn not_secured(&mut self, why: &TlsFailure) {
        let _ = why;
    }

    /// The client says who it is.
    ///
    /// # Errors
    /// A refusal, as with all that follow.
    fn hello(&mut self, hello: &Hello<'_>) -> impl Future<Output = Result<(), Rejection>> + Send {
        let _ = hello;
        ready(Ok(()))
    }

    /// The client wants to prove who it is, and shows a claim. Called only if
    /// the configuration offers authentication.
    ///
    /// # Errors
    /// A refusal, in words of the service's own. That a proof is wrong, or a user
    /// unknown, is a [`Verdict`], which sounds the same in every case.
    fn authenticate(
        &mut self,
        question: &Authenticate<'_>,
    ) -> impl Future<Output = Result<Verdict, Rejection>> + Send {
        let _ = question;
        ready(Ok(Verdict::Unavailable))
    }

    /// A transaction begins.
    ///
    /// # Errors
    /// A refusal.
    fn mail(&mut self, mail: &Mail<'_>) -> impl Future<Output = Result<(), Rejection>> + Send {
        let _ = mail;
        ready(Ok(()))
    }

    /// Whether to take a message for this recipient.
    ///
    /// # Errors
    /// A refusal of this recipient.
    fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> impl Future<Output = Result<(), Rejection>> + Send;

    /// The content is about to come: a place to open a file for it. It comes the
    /// same whether the client sends it behind DATA or in chunks (BDAT); but what
    /// [comes in chunks](Data::is_chunked) may end in the middle of a line.
    ///
    /// # Errors
    /// A refusal of the message: before its content is sent, or, in chunks,
    /// instead of it, for the client has sent one already. That is thrown away.
    fn data(&mut self, data: &Data<'_>) -> impl Future<Output = Result<(), Rejection>> + Send;

    /// A piece of the content.
    ///
    /// # Errors
    /// A refusal of the message, which the client hears at the end of the
    /// content, or of the chunk. No more of it is passed on, and nothing told of it: throw away
    /// what was stored.
    fn content(&mut self, piece: &[u8]) -> impl Future<Output = Result<(), Rejection>> + Send;

    /// The content is complete. To return a text, such as the name of the
    /// message in a queue, is to promise that it is safe: this is the moment at
    /// which responsibility passes (RFC 5321 section 6.1).
    ///
    /// # Errors
    /// A refusal of the message, of which nothing may be delivered.
    fn message(
        &mut self,
        message: &Message<'_>,
    ) -> impl Future<Output = Result<String, Rejection>> + Send;

    /// The transaction is gone, without a refusal of the service's own; what was
    /// stored of it is to be thrown away.
    fn discarded(&mut self, why: Discarded) -> impl Future<Output = ()> + Send {
        let _ = why;
        ready(())
    }

    /// The client asks whether this is a user. Called only if the configuration
    /// says so, as is the next.
    ///
    /// # Errors
    /// A refusal: there is no such user.
    fn verify(
        &mut self,
        verify: &Verify<'_>,
    ) -> impl Future<Output = Result<Verified, Rejection>> + Send {
        let _ = verify;
        ready(Ok(Verified::Unknown))
    }

    /// The client asks who is on a list.
    ///
    /// # Errors
    /// A refusal.
    fn expand(
        &mut self,
        expand: &Expand<'_>,
    ) -> impl Future<Output = Result<Vec<Mailbox>, Rejection>> + Send {
        let _ = expand;
        ready(Err(Rejection::no_such_user()))
    }
}

/// Serves one session, to its end. The session is one that began just now, at
/// [`Instant::ORIGIN`](smtp_proto::Instant::ORIGIN). The future can be spawned
/// on any executor. If it is dropped, the connection is gone, and the service
/// is not told.
///
/// To close the stream should end what is written to it, as it does with those
/// of `async-net` and `smol`: the last reply can then be read before the
/// connection is gone. (With an `async_io::Async` it does nothing.)
///
/// # Errors
/// None that a client could bring about, nor this driver.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    session: Session,
    service: &mut impl Service,
) -> Result<(), Error> {
    let tls = ServerSide::default();
    serve_until(stream, session, service, &tls, pending(), Duration::MAX).await
}

/// As [`serve`], for a session that is configured to have TLS.
///
/// # Errors
/// As [`serve`].
#[cfg(feature = "tls")]
pub async fn serve_with_tls<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    session: Session,
    service: &mut impl Service,
    tls: &smtp_proto::tls::ServerTls,
) -> Result<(), Error> {
    let tls = ServerSide::new(tls.clone());
    serve_until(stream, session, service, &tls, pending(), Duration::MAX).await
}

/// As [`serve`], until `shutdown` is ready: the client is then told as soon as
/// it can be, and is cut off when the grace has passed.
pub(crate) async fn serve_until<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut session: Session,
    service: &mut impl Service,
    side: &ServerSide,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> Result<(), Error> {
    let mut transport = Transport::new(stream);
    let shutdown = pin!(shutdown);
    let mut end = End::new(shutdown, grace);
    if let Some(seed) = seed() {
        session.set_seed(seed);
    }
    service.start(&mut session);
    loop {
        while let Some(event) = session.poll_event()? {
            if let Event::Closed = event {
                transport.linger().await;
                return Ok(());
            }
            if let Event::StartTls = event {
                // A client that has not said anything yet need not be waited for.
                let stop = poll_fn(|context| end.poll(context).map(|_| ()));
                let made = shake_hands(transport, &mut session, tls::answer(side), stop).await;
                transport = match tell(made, &mut session, service) {
                    Some(transport) => transport,
                    None => return Ok(()),
                };
                continue;
            }
            if let Some(rejection) = answer(event, service).await {
                session.refuse_content(rejection);
            }
        }
        let news = poll_fn(|context| match end.poll(context) {
            Poll::Ready(stage) => Poll::Ready(Some(stage)),
            Poll::Pending => transport.poll_step(&mut session, context).map(|()| None),
        });
        match news.await {
            None => {}
            Some(Stage::Running) => session.shutdown(transport.now()),
            Some(Stage::Grace) => session.abort(transport.now()),
            // The client does not even read that.
            Some(Stage::Cut) => session.handle_write_closed(transport.now()),
        }
    }
}

/// How far the end of a session has come that the server wants.
#[derive(Clone, Copy)]
enum Stage {
    Running,
    /// The client may end what it is at.
    Grace,
    /// The client was told to leave at once.
    Cut,
}

/// Waits for the end of each stage.
struct End<'a, F> {
    stage: Stage,
    shutdown: Pin<&'a mut F>,
    grace: Duration,
    timer: Timer,
}

impl<'a, F: Future<Output = ()>> End<'a, F> {
    fn new(shutdown: Pin<&'a mut F>, grace: Duration) -> Self {
        Self {
            stage: Stage::Running,
            shutdown,
            grace,
            timer: Timer::never(),
        }
    }

    /// Ready when a stage has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Stage> {
        let over = match self.stage {
            Stage::Running => self.shutdown.as_mut().poll(context).is_ready(),
            Stage::Grace | Stage::Cut => Pin::new(&mut self.timer).poll(context).is_ready(),
        };
        if !over {
            return Poll::Pending;
        }
        let ended = self.stage;
        (self.stage, self.timer) = match ended {
            Stage::Running => (Stage::Grace, Timer::after(self.grace)),
            Stage::Grace => (Stage::Cut, Timer::after(LINGER)),
            Stage::Cut => (Stage::Cut, Timer::never()),
        };
        Poll::Ready(ended)
    }
}

/// Passes a question on, and the answer back. Returns a refusal of the message
/// whose content is coming in.
async fn answer(event: Event<'_>, service: &mut impl Service) -> Option<Rejection> {
    match event {
        Event::Hello(hello) => {
            let answer = service.hello(&hello).await;
            hello.answer(answer);
        }
        Event::Authenticate(question) => {
            let answer = service.authenticate(&question).await;
            question.answer(answer);
        }
        Event::Mail(mail) => {
            let answer = service.mail(&mail).await;
            mail.answer(answer);
        }
        Event::Rcpt(rcpt) => {
            let answer = service.rcpt(&rcpt).await;
            rcpt.answer(answer);
        }
        Event::Data(data) => {
            let answer = service.data(&data).await;
            data.answer(answer);
        }
        Event::Content(piece) => return service.content(piece).await.err(),
        Event::Message(message) => {
            let answer = service.message(&message).await;
            message.answer(answer);
        }
        Event::Verify(verify) => {
            let answer = service.verify(&verify).await;
            verify.answer(answer);
        }
        Event::Expand(expand) => {
            let answer = service.expand(&expand).await;
            expand.answer(answer);
        }
        Event::Discarded(why) => service.discarded(why).await,
        // `Closed`, which was dealt with; and no question is asked that is not
        // configured.
        _ => {}
    }
    None
}
