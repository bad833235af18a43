//! The facts that both sides of a connection have in common.

use alloc::{format, string::String};

use rustls::{CipherSuite, CommonState, Error, ProtocolVersion};

use crate::{TlsInfo, types::Secret};

/// What channel binding is derived from (RFC 9266 section 2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const EXPORTER_LEN: usize = 32;

/// Version, cipher suite, and the secret for channel binding.
pub(super) fn info(
    connection: &CommonState,
    export: impl FnOnce([u8; EXPORTER_LEN], &[u8], Option<&[u8]>) -> Result<[u8; EXPORTER_LEN], Error>,
) -> TlsInfo {
    let mut info = TlsInfo::new();
    if let Some(version) = connection.protocol_version() {
        info = info.version(&version_name(version));
        // With TLS 1.2 it is no use without the extended master secret, of which
        // rustls does not tell (section 4.2).
        if version == ProtocolVersion::TLSv1_3
            && let Ok(octets) = export([0; EXPORTER_LEN], EXPORTER_LABEL, Some(&[]))
        {
            info = info.exporter(Secret::new(octets));
        }
    }
    match connection.negotiated_cipher_suite() {
        Some(suite) => info.cipher_suite(&suite_name(suite.suite())),
        None => info,
    }
}

/// As people write it: `TLSv1.3`.
fn version_name(version: ProtocolVersion) -> String {
    format!("{version:?}").replace('_', ".")
}

/// As IANA has registered it: `TLS_AES_128_GCM_SHA256`.
fn suite_name(suite: CipherSuite) -> String {
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}
