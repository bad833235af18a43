//! What must hold for replies to EHLO.

pub fn ehlo(input: &[u8]) {
    let _ = input;
}
