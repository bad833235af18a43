//! Processes that are measured, and what measures them from outside.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use smtp_benches::{Result, meter::Cost};

const MEASURED: &str = env!("CARGO_BIN_EXE_measured");
/// The event of the kernel that is counted.
const SYSTEM_CALLS: &str = "raw_syscalls:sys_enter";
const WITH_ALLOCATIONS: &str = env!("CARGO_BIN_EXE_measured-allocations");

/// How to look at a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What it says of itself.
    Inside,
    /// The same, with an allocator that counts.
    Allocations,
    /// Its system calls, counted by perf.
    SystemCalls,
    /// The same by strace, which is slower, and needs no rights.
    TracedCalls,
    /// The instructions that it spends in user space, counted by callgrind.
    Instructions,
}

impl Look {
    /// How system calls can be counted here.
    pub fn at_system_calls() -> Option<Self> {
        if succeeds("perf", &["stat", "-e", SYSTEM_CALLS, "true"]) {
            return Some(Self::SystemCalls);
        }
        succeeds("strace", &["-f", "-c", "true"]).then_some(Self::TracedCalls)
    }

    /// How instructions can be counted here.
    pub fn at_instructions() -> Option<Self> {
        succeeds("valgrind", &["--version"]).then_some(Self::Instructions)
    }

    /// What it looks with, and what is to be looked at.
    fn command(self, log: &Path) -> Command {
        let (tool, options): (&str, &[&str]) = match self {
            Self::Inside => return Command::new(MEASURED),
            Self::Allocations => return Command::new(WITH_ALLOCATIONS),
            Self::SystemCalls => ("perf", &["stat", "-x,", "-e", SYSTEM_CALLS, "-o"]),
            Self::TracedCalls => ("strace", &["-f", "-c", "-U", "calls,name", "-o"]),
            Self::Instructions => {
                let mut log_file = OsString::from("--log-file=");
                log_file.push(log);
                let mut command = Command::new("valgrind");
                command
                    .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                    .arg(log_file)
                    .arg(MEASURED);
                return command;
            }
        };
        let mut command = Command::new(tool);
        command.args(options).arg(log).arg(MEASURED);
        command
    }
}

fn succeeds(tool: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(tool);
    let status = command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// A process that is looked at.
pub struct Measured {
    child: Child,
    output: BufReader<Box<dyn Read>>,
    look: Look,
    /// What the tool writes.
    log: PathBuf,
}

impl Measured {
    /// Starts it.
    pub fn start(look: Look, arguments: &[&str], directory: &Path) -> Result<Self> {
        let log = directory.join("log");
        let mut child = look
            .command(&log)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        Ok(Self {
            child,
            output: BufReader::new(Box::new(output)),
            look,
            log,
        })
    }

    /// One line that it prints on its way.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Waits for its end, and for what it says of itself. A tool that counts
    /// tells the rest.
    pub fn finish(mut self) -> Result<(Cost, u64)> {
        let line = self.line()?;
        if !self.child.wait()?.success() {
            return Err("what is measured has failed".into());
        }
        let cost = Cost::parse(&line)?;
        let counted = match self.look {
            Look::Inside => 0,
            Look::Allocations => cost.allocations,
            Look::SystemCalls => system_calls(&fs::read_to_string(&self.log)?)?,
            Look::TracedCalls => traced_calls(&fs::read_to_string(&self.log)?)?,
            Look::Instructions => instructions(&fs::read_to_string(&self.log)?)?,
        };
        Ok((cost, counted))
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // It has ended, or is not wanted any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number, and what it counts, apart by commas.
fn system_calls(log: &str) -> Result<u64> {
    let line = log.lines().find(|line| line.contains(SYSTEM_CALLS));
    let number = line.and_then(|line| line.split(',').next());
    Ok(number.ok_or("perf counts nothing")?.parse()?)
}

/// The last line of the table is the sum.
fn traced_calls(table: &str) -> Result<u64> {
    let total = table
        .lines()
        .rev()
        .find(|line| line.trim_end().ends_with("total"));
    let number = total.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("strace counts nothing")?.parse()?)
}

fn instructions(log: &str) -> Result<u64> {
    let number = log.lines().find_map(|line| line.split_once("Collected :"));
    Ok(number.ok_or("callgrind counts nothing")?.1.trim().parse()?)
}
