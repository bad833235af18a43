//! In place of `tls`, without it: there is nothing that could be one of these.

use smtp_proto::{TlsFailure, TlsInfo};

use crate::channel::Channel;

/// What a client has for TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientSide(());

/// What a server has for TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerSide(());

pub(crate) enum Hello {}

pub(crate) fn call(_: &ClientSide, _host: &str) -> Result<Hello, TlsFailure> {
    Err(TlsFailure::not_built_in())
}

pub(crate) fn answer(_: &ServerSide) -> Result<Hello, TlsFailure> {
    Err(TlsFailure::not_built_in())
}

impl Hello {
    pub(crate) async fn shake_hands<S>(
        self,
        _: S,
    ) -> Result<(Channel<S>, TlsInfo), (S, TlsFailure)> {
        match self {}
    }
}
