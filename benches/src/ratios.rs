//! What criterion does not print: how many times longer it takes.

use std::time::Duration;

use criterion::{BenchmarkGroup, measurement::WallTime};

/// Who takes how long, for one kind of work.
#[derive(Debug, Default)]
pub struct Ratios(Vec<(&'static str, f64)>);

impl Ratios {
    /// Lets criterion measure `run`, which does it so many times and says how
    /// long that took.
    pub fn measure(
        &mut self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        who: &'static str,
        mut run: impl FnMut(u64) -> Duration,
    ) {
        let mut least = f64::INFINITY;
        group.bench_function(who, |bencher| {
            bencher.iter_custom(|n| {
                let time = run(n);
                least = least.min(time.as_secs_f64() / n as f64);
                time
            });
        });
        if least.is_finite() {
            self.0.push((who, least));
        }
    }

    /// Prints how many times longer each takes than the floor, and than the best
    /// peer.
    pub fn print(&self, work: &str, is_peer: impl Fn(&str) -> bool) {
        let floor = self.0.iter().find(|(who, _)| who.starts_with("floor"));
        let peers = self.0.iter().filter(|(who, _)| is_peer(who));
        let peer = peers.reduce(|best, other| if other.1 < best.1 { other } else { best });
        if self.0.is_empty() {
            return;
        }
        println!("{work}:");
        for (who, time) in &self.0 {
            print!("  {who:14}");
            for (name, least) in [floor, peer].into_iter().flatten() {
                print!(" {:8.2}x {name}", time / least);
            }
            println!();
        }
        println!();
    }
}
