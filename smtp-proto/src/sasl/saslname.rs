//! Names within messages of SCRAM and OAUTHBEARER: `saslname` of RFC 5801
//! section 4.

use alloc::string::String;

/// `=` and `,` in escaped form.
pub(super) fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The name behind a `saslname`.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut pieces = text.split('=');
    name.push_str(pieces.next()?);
    for piece in pieces {
        let (c, rest) = match (piece.strip_prefix("3D"), piece.strip_prefix("2C")) {
            (Some(rest), _) => ('=', rest),
            (_, Some(rest)) => (',', rest),
            _ => return None,
        };
        name.push(c);
        name.push_str(rest);
    }
    (!name.is_empty() && !name.contains(['\0', ','])).then_some(name)
}
