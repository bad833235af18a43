//! In place of `tls`, without it: there is nothing that could be one of these.

use std::io::{self, IoSlice, Read, Write};

use smtp_proto::{TlsFailure, TlsInfo};

/// What a client has for TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientSide(());

/// What a server has for TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerSide(());

pub(crate) fn call(_: &ClientSide, _host: &str) -> Result<Tls, TlsFailure> {
    Err(TlsFailure::not_built_in())
}

pub(crate) fn answer(_: &ServerSide) -> Result<Tls, TlsFailure> {
    Err(TlsFailure::not_built_in())
}

pub(crate) fn failure(error: &io::Error) -> TlsFailure {
    TlsFailure::Other(error.to_string())
}

#[derive(Debug)]
pub(crate) enum Tls {}

impl Tls {
    pub(crate) fn shake_hands(&mut self, _: &mut (impl Read + Write)) -> io::Result<bool> {
        match *self {}
    }

    pub(crate) fn info(&self) -> TlsInfo {
        match *self {}
    }

    pub(crate) fn read(&mut self, _: &mut (impl Read + Write), _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn write_vectored(
        &mut self,
        _: &mut impl Write,
        _: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn is_behind(&self) -> bool {
        match *self {}
    }

    pub(crate) fn flush(&mut self, _: &mut impl Write) -> io::Result<bool> {
        match *self {}
    }

    pub(crate) fn close(&mut self) {
        match *self {}
    }
}
