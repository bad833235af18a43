//! The wire format in memory, beside peers and the floor: what `memchr`,
//! `memmem` and `memcpy` need for the same octets.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use smtp_benches::{
    parsers::{Parser, all, is_peer},
    ratios::Ratios,
};

fn wire(criterion: &mut Criterion) {
    let mut all = all();
    while let Some(work) = all.first().map(|parser| parser.work) {
        let (these, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.work == work);
        all = rest;
        let mut group = criterion.benchmark_group(work);
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_secs(1));
        let mut ratios = Ratios::default();
        for Parser {
            who, octets, make, ..
        } in these
        {
            group.throughput(Throughput::Bytes(octets as u64));
            let mut run = make();
            ratios.measure(&mut group, who, |n| {
                let start = Instant::now();
                (0..n).for_each(|_| run());
                start.elapsed()
            });
        }
        group.finish();
        ratios.print(work, is_peer);
    }
}

criterion_group!(benches, wire);
criterion_main!(benches);
