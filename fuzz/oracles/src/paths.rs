//! What must hold for addresses, paths, parameters and what else commands are made of.

pub fn paths(input: &[u8]) {
    let _ = input;
}
