//! Writes the seeds of every target: `seeds DIRECTORY`.
#![allow(clippy::unwrap_used, reason = "it is a tool")]

use std::{env, fs, path::PathBuf};

use smtp_oracles::{TARGETS, seeds::seeds};

fn main() {
    let root = PathBuf::from(env::args_os().nth(1).unwrap());
    for (target, _) in TARGETS {
        let directory = root.join(target);
        fs::create_dir_all(&directory).unwrap();
        for (name, octets) in seeds(target) {
            fs::write(directory.join(name), octets).unwrap();
        }
    }
}
