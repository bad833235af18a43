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
    (!name.is_empty() && !text.contains(['\0', ','])).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_through_and_nothing_else_is_one() {
        for (name, text) in [("alice", "alice"), (",", "=2C"), ("=2C,=", "=3D2C=2C=3D")] {
            assert_eq!(escaped(name), text);
            assert_eq!(unescaped(text).as_deref(), Some(name));
        }
        for text in ["", ",", "a,b", "a=", "=2c", "=2", "==", "a\0b"] {
            assert_eq!(unescaped(text), None, "{text:?}");
        }
    }
}
