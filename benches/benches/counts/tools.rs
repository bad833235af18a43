//! Processes that are measured, and what measures them from outside.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use smtp_benches::{Result, meter::Cost};

const MEASURED: &str = env!("CARGO_BIN_EXE_measured");
const WITH_ALLOCATIONS: &str = env!("CARGO_BIN_EXE_measured-allocations");

/// How to look at a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What it says of itself.
    Inside,
    /// The same, with an allocator that counts.
    Allocations,
    /// Its system calls, counted by strace.
    SystemCalls,
    /// The instructions that it spends in user space, counted by callgrind.
    Instructions,
}

impl Look {
    /// Whether the tool is there.
    pub fn is_possible(self) -> bool {
        let there = |tool| {
            let run = Command::new(tool)
                .arg("--version")
                .stdout(Stdio::null())
                .status();
            run.is_ok_and(|status| status.success())
        };
        match self {
            Self::Inside | Self::Allocations => true,
            Self::SystemCalls => there("strace"),
            Self::Instructions => there("valgrind"),
        }
    }
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
        let mut command = match look {
            Look::Inside => Command::new(MEASURED),
            Look::Allocations => Command::new(WITH_ALLOCATIONS),
            Look::SystemCalls => {
                let mut command = Command::new("strace");
                command
                    .args(["-f", "-c", "-U", "calls,name", "-o"])
                    .arg(&log)
                    .arg(MEASURED);
                command
            }
            Look::Instructions => {
                let mut command = Command::new("valgrind");
                command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
                let mut option = std::ffi::OsString::from("--log-file=");
                option.push(&log);
                command.arg(option).arg(MEASURED);
                command
            }
        };
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
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

/// The last line of the table is the sum.
fn system_calls(table: &str) -> Result<u64> {
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
