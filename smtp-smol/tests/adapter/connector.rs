//! Connectors and pools that wait for their futures.

use std::time::Duration;

use futures_lite::future::block_on;
use smtp_proto::{
    Entry,
    client::{Config, Outcome, PoolPolicy, Transaction},
};

use super::{Addresses, Connection, Error, Message, Unblocked};

pub(crate) struct Connector(smtp_smol::Connector);

impl Connector {
    pub(crate) fn new(config: Config) -> Self {
        Self(smtp_smol::Connector::new(config))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(self, tls: smtp_proto::tls::ClientTls) -> Self {
        Self(self.0.tls(tls))
    }

    pub(crate) fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    pub(crate) fn transcript<H: FnMut(Entry<'_>) + Send + 'static>(
        self,
        hook: impl Fn() -> H + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.transcript(hook))
    }

    pub(crate) fn connect(&self, host: &str, port: u16) -> Result<Connection, Error> {
        block_on(self.0.connect(host, port)).map(Connection)
    }

    pub(crate) fn connect_to(&self, addresses: Addresses) -> Result<Connection, Error> {
        block_on(self.0.connect_to(addresses.0)).map(Connection)
    }

    pub(crate) fn open<T: Unblocked>(
        &self,
        stream: T,
        host: &str,
    ) -> Result<Connection<T::Stream>, Error> {
        block_on(self.0.open(stream.unblocked(), host)).map(Connection)
    }
}

pub(crate) struct Pool(smtp_smol::Pool);

impl Pool {
    pub(crate) fn new(connector: Connector, host: &str, port: u16, policy: PoolPolicy) -> Self {
        Self(smtp_smol::Pool::new(connector.0, host, port, policy))
    }

    pub(crate) fn send(&self, transaction: Transaction) -> Result<Outcome, Error> {
        block_on(self.0.send(transaction))
    }

    pub(crate) fn get(&self) -> Result<Pooled<'_>, Error> {
        block_on(self.0.get()).map(Pooled)
    }

    pub(crate) fn close(&self) {
        self.0.close();
    }
}

pub(crate) struct Pooled<'a>(smtp_smol::Pooled<'a>);

impl Pooled<'_> {
    pub(crate) fn is_reused(&self) -> bool {
        self.0.is_reused()
    }

    pub(crate) fn begin(
        &mut self,
        transaction: Transaction,
    ) -> Result<Message<'_, async_net::TcpStream>, Error> {
        block_on(self.0.begin(transaction)).map(Message)
    }
}
