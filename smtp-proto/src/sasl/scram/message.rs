//! The messages of an exchange: RFC 5802 section 7.

use alloc::{format, string::String, vec::Vec};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::sasl::saslname::escaped;

/// The value of the attribute that a message begins with, and what follows the
/// comma after it.
pub(super) fn attribute(name: char, message: &str) -> Option<(&str, Option<&str>)> {
    let value = message.strip_prefix(name)?.strip_prefix('=')?;
    Some(match value.split_once(',') {
        Some((value, rest)) => (value, Some(rest)),
        None => (value, None),
    })
}

/// Whether the extension that a message begins with is one that must be
/// understood: `m=`, of which none is defined.
pub(super) fn is_mandatory_extension(message: &str) -> bool {
    message.starts_with("m=")
}

/// Optional extensions, which nobody has to understand: `ALPHA "=" value`.
pub(super) fn are_extensions(rest: Option<&str>) -> bool {
    rest.is_none_or(|rest| {
        rest.split(',').all(|extension| match extension.as_bytes() {
            [name, b'=', value @ ..] => {
                name.is_ascii_alphabetic() && *name != b'm' && !value.is_empty()
            }
            _ => false,
        })
    })
}

/// `printable`, of which nonces are: no space, no comma.
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes()
        .all(|octet| octet.is_ascii_graphic() && octet != b',')
}

/// `posit-number`.
pub(super) fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    (digits && !text.starts_with('0')).then(|| text.parse().ok())?
}

/// The octets that a text encodes; not none.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let octets = STANDARD.decode(text).ok()?;
    (!octets.is_empty()).then_some(octets)
}

pub(super) fn to_base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// The header of the client's first message, `gs2-header`: `flag` is `n`, `y`
/// or `p=` with the type of the binding.
pub(super) fn gs2_header(flag: &str, authorization: Option<&str>) -> String {
    match authorization {
        Some(name) => format!("{flag},a={},", escaped(name)),
        None => format!("{flag},,"),
    }
}

/// The name of a `server-error`, if it is one that RFC 5802 section 7 knows.
pub(super) fn server_error(text: &str) -> &'static str {
    const ERRORS: [&str; 10] = [
        "invalid-encoding",
        "extensions-not-supported",
        "invalid-proof",
        "channel-bindings-dont-match",
        "server-does-support-channel-binding",
        "channel-binding-not-supported",
        "unsupported-channel-binding-type",
        "unknown-user",
        "invalid-username-encoding",
        "no-resources",
    ];
    let known = ERRORS.into_iter().find(|name| *name == text);
    known.unwrap_or("other-error")
}
