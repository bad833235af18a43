//! Connections that are used for more than one message.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use smtp_proto::{
    self as proto,
    client::{Outcome, PoolPolicy, Reuse, Transaction},
    driver::Stock,
};

use crate::{Connection, Connector, Error};

/// Connections to one host, for any number of threads.
///
/// What may be used again, and for how long, the [`PoolPolicy`] says. A
/// connection that the server has closed, or said 421 on, meanwhile is not used,
/// nor one on which anything was odd. There is no thread behind a pool: what has
/// been idle for too long is closed when the pool is next used.
///
/// ```no_run
/// use smtp_blocking::{Connector, Pool};
/// use smtp_proto::{client::{Config, PoolPolicy, Transaction}, types::Mailbox};
///
/// let connector = Connector::new(Config::new(&"client.example.org".parse()?)?);
/// let pool = Pool::new(connector, "mail.example.net", 25, PoolPolicy::default());
/// let outcome = pool.send(
///     Transaction::new("alice@example.org".parse::<Mailbox>()?)
///         .recipient("bob@example.net".parse::<Mailbox>()?)
///         .content("Subject: hello\r\n\r\nHello.\r\n"),
/// )?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool {
    connector: Connector,
    host: String,
    port: u16,
    policy: PoolPolicy,
    stock: Mutex<Stock<Connection>>,
    one_less: Condvar,
    opened: Instant,
}

impl Pool {
    /// A pool without connections: they are made when they are needed.
    #[must_use]
    pub fn new(connector: Connector, host: &str, port: u16, policy: PoolPolicy) -> Self {
        Self {
            connector,
            host: host.to_owned(),
            port,
            policy,
            stock: Mutex::new(Stock::new(policy)),
            one_less: Condvar::new(),
            opened: Instant::now(),
        }
    }

    /// Sends a message whose content was given with the transaction. If a
    /// connection that was kept turns out to be lost before anything could come
    /// of the message, it is sent over a new one; never if its fate is in doubt.
    ///
    /// # Errors
    /// As [`get`](Self::get) and [`Connection::send`].
    pub fn send(&self, transaction: Transaction) -> Result<Outcome, Error> {
        let mut connection = self.get()?;
        if !connection.is_reused {
            return connection.send(transaction);
        }
        let sent = connection.send(transaction.clone());
        if !Error::permits_another_try(&sent) {
            return sent;
        }
        drop(connection);
        let place = self.place()?;
        self.connect(place)?.send(transaction)
    }

    /// Takes a connection, for as long as the value lives: one that was kept, or
    /// a new one. Waits while as many as the policy allows are in use.
    ///
    /// # Errors
    /// [`Error::PoolExhausted`] if that takes too long, or why no connection
    /// could be made.
    pub fn get(&self) -> Result<Pooled<'_>, Error> {
        let place = self.place()?;
        while let Some((mut connection, time)) = self.take() {
            connection.look();
            let alive = match self.policy.reuse(connection.session(), time) {
                Reuse::AtOnce => true,
                Reuse::AfterNoop => connection
                    .noop()
                    .is_ok_and(|reply| Reuse::is_confirmed_by(&reply)),
                Reuse::Never => false,
            };
            if alive {
                return Ok(Pooled::new(place, connection, true));
            }
            connection.leave();
        }
        self.connect(place)
    }

    /// Ends all connections that nobody uses.
    pub fn close(&self) {
        leave(self.lock().clear());
    }

    fn connect<'a>(&self, place: Place<'a>) -> Result<Pooled<'a>, Error> {
        let left = self.lock().make_room();
        leave(left);
        let connection = self.connector.connect(&self.host, self.port)?;
        Ok(Pooled::new(place, connection, false))
    }

    /// Waits for the right to use one connection.
    fn place(&self) -> Result<Place<'_>, Error> {
        let until = Instant::now().checked_add(self.policy.waiting_time());
        let mut stock = self.lock();
        while !stock.admit() {
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Err(Error::PoolExhausted);
            }
            let waited = self.one_less.wait_timeout(stock, left);
            (stock, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        Ok(Place { pool: self })
    }

    fn take(&self) -> Option<(Connection, Duration)> {
        self.lock().take(self.now())
    }

    fn keep(&self, connection: Connection) {
        let left = self.lock().keep(connection, self.now());
        leave(left);
    }

    fn now(&self) -> proto::Instant {
        proto::Instant::from_origin(self.opened.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Stock<Connection>> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("stock", &self.lock())
            .finish_non_exhaustive()
    }
}

fn leave(connections: impl IntoIterator<Item = Connection>) {
    for connection in connections {
        connection.leave();
    }
}

/// The right to use one connection, which is given back when it is dropped.
struct Place<'a> {
    pool: &'a Pool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.lock().give_back();
        self.pool.one_less.notify_one();
    }
}

/// A connection of a [`Pool`], which goes back to it when it is dropped, unless
/// it cannot be used again.
pub struct Pooled<'a> {
    /// There until it is dropped.
    connection: Option<Connection>,
    is_reused: bool,
    place: Place<'a>,
}

impl<'a> Pooled<'a> {
    fn new(place: Place<'a>, connection: Connection, is_reused: bool) -> Self {
        Self {
            connection: Some(connection),
            is_reused,
            place,
        }
    }

    /// Whether it has been used before.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }
}

#[allow(clippy::expect_used, reason = "it is there until the value is dropped")]
impl Deref for Pooled<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection")
    }
}

#[allow(clippy::expect_used, reason = "it is there until the value is dropped")]
impl DerefMut for Pooled<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection")
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        // What was left in stages would be abandoned by the next request: here
        // there is none.
        connection.look();
        let pool = self.place.pool;
        match pool.policy.reuse(connection.session(), Duration::ZERO) {
            Reuse::Never => connection.leave(),
            Reuse::AtOnce | Reuse::AfterNoop => pool.keep(connection),
        }
    }
}

impl fmt::Debug for Pooled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled")
            .field("connection", &self.connection)
            .field("is_reused", &self.is_reused)
            .finish_non_exhaustive()
    }
}
