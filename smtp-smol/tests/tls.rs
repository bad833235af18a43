//! TLS, with certificates of our own.
