//! What must hold for command lines that a client sends.

pub fn commands(input: &[u8]) {
    let _ = input;
}
