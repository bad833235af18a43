//! What must hold for xtext.

pub fn xtext(input: &[u8]) {
    let _ = input;
}
