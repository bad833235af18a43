//! The diagrams in ARCHITECTURE.md are those of the tables that the sessions run
//! on.
//!
//! `UPDATE_DIAGRAMS=1 cargo test -p smtp-proto --test architecture` writes them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::PathBuf};

use smtp_proto::{client, server};

fn paper() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md")
}

/// The text with the diagram behind the mark, in place of what stands there.
fn with_diagram(text: &str, mark: &str, diagram: &str) -> String {
    let mark = format!("<!-- {mark} -->\n");
    let (before, after) = text.split_once(&mark).expect("the mark of the diagram");
    let after = after.trim_start();
    let after = match after.strip_prefix("```mermaid\n") {
        Some(old) => old.split_once("```\n").expect("the end of the diagram").1,
        None => after,
    };
    let after = after.trim_start();
    format!("{before}{mark}\n```mermaid\n{diagram}```\n\n{after}")
}

#[test]
fn the_diagrams_are_those_of_the_tables() {
    let text = fs::read_to_string(paper()).unwrap();
    let right = with_diagram(&text, "client::state_diagram()", &client::state_diagram());
    let right = with_diagram(&right, "server::state_diagram()", &server::state_diagram());
    if std::env::var_os("UPDATE_DIAGRAMS").is_some() {
        // The one test that writes: a paper, when it is asked to.
        #[allow(clippy::disallowed_methods)]
        fs::write(paper(), &right).unwrap();
    } else {
        assert!(
            text == right,
            "ARCHITECTURE.md differs from the tables: run this test with UPDATE_DIAGRAMS=1"
        );
    }
}
