//! What is measured, in a process of its own. The benchmarks start it.

fn main() -> std::process::ExitCode {
    smtp_benches::command::main()
}
