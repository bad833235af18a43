//! Checking a server's certificate where the trusted ones are given.

use alloc::{string::ToString, sync::Arc, vec::Vec};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::{TlsError, pem, provider};

/// What rustls checks, and one thing more: a certificate that is itself among
/// the trusted ones is taken although it could be that of an issuer, too. Tools
/// make such when they are asked for one that is signed by itself, and whoever
/// gives it as the one to trust means it.
#[derive(Debug)]
pub(super) struct Verifier {
    rules: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl Verifier {
    pub(super) fn new(trusted: Vec<CertificateDer<'static>>) -> Result<Self, TlsError> {
        let roots = Arc::new(pem::roots(&trusted)?);
        let rules = WebPkiServerVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|error| TlsError::NoRoots(error.to_string()))?;
        Ok(Self { rules, trusted })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let rules = &self.rules;
        match rules.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // Whether it is valid now has been looked at before that.
            Err(Error::InvalidCertificate(problem))
                if is_of_an_issuer(&problem) && self.trusted.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rules.supported_verify_schemes()
    }
}

/// Whether what is wrong is that the certificate could issue others. rustls has
/// no name of its own for that.
pub(super) fn is_of_an_issuer(problem: &CertificateError) -> bool {
    matches!(problem, CertificateError::Other(error) if error.0.to_string() == "CaUsedAsEndEntity")
}
