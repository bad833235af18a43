//! What a process knows of its own cost.

use std::{
    fmt, fs,
    time::{Duration, Instant},
};

use nix::time::{ClockId, clock_gettime};
use stats_alloc::INSTRUMENTED_SYSTEM;

use crate::Result;

/// What some messages have cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Processor time of the process, user and system, in nanoseconds.
    pub cpu: u64,
    /// Time on the clock, in nanoseconds.
    pub time: u64,
    /// Allocations and reallocations; none are seen without the allocator that
    /// counts.
    pub allocations: u64,
    /// The most memory that was resident at a time, in octets beyond what was
    /// there before the first message.
    pub peak: u64,
}

/// Looks at the process before and after.
#[derive(Debug)]
pub struct Meter {
    base: u64,
    cpu: u64,
    time: Instant,
    allocations: u64,
}

impl Meter {
    /// From now on memory counts.
    pub fn new() -> Result<Self> {
        // Resets the peak, see proc_pid_clear_refs(5).
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self {
            base: resident("VmRSS")?,
            cpu: cpu(),
            time: Instant::now(),
            allocations: allocations(),
        })
    }

    /// From now on everything else counts.
    pub fn start(&mut self) {
        self.allocations = allocations();
        self.time = Instant::now();
        self.cpu = cpu();
    }

    /// What has come together.
    pub fn stop(&self) -> Result<Cost> {
        Ok(Cost {
            cpu: cpu() - self.cpu,
            time: u64::try_from(self.time.elapsed().as_nanos())?,
            allocations: allocations() - self.allocations,
            peak: resident("VmHWM")?.saturating_sub(self.base),
        })
    }
}

/// Allocations and reallocations so far, if they are counted.
#[must_use]
pub fn allocations() -> u64 {
    let stats = INSTRUMENTED_SYSTEM.stats();
    (stats.allocations + stats.reallocations) as u64
}

/// Octets on the heap, if they are counted.
#[must_use]
pub fn heap() -> i64 {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
}

/// Processor time of this process, in nanoseconds.
#[must_use]
pub fn cpu() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from);
    u64::try_from(time.unwrap_or_default().as_nanos()).unwrap_or_default()
}

fn resident(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    Ok(kib.ok_or("no such field")?.parse::<u64>()? * 1024)
}

/// One line, which [`Cost::parse`] reads.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu,
            time,
            allocations,
            peak,
        } = self;
        write!(f, "{cpu} {time} {allocations} {peak}")
    }
}

impl Cost {
    /// Reads what was printed.
    pub fn parse(line: &str) -> Result<Self> {
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || numbers.next().ok_or("too few numbers");
        Ok(Self {
            cpu: next()??,
            time: next()??,
            allocations: next()??,
            peak: next()??,
        })
    }
}
