//! Messages over loopback, beside peers and the floor: time on the clock, with
//! the sink in another thread.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use smtp_benches::{
    parsers::is_peer,
    ratios::Ratios,
    senders::Sender,
    sink::{Options, Sink},
    work::{CONNECTIONS, DEPTH, Job, Work},
};

fn loopback(criterion: &mut Criterion) {
    let sink = Sink::start(Options::default()).expect("a sink");
    for work in [
        Work::Small,
        Work::Across,
        Work::Chunked,
        Work::Recipients,
        Work::Large,
        Work::Connections,
        Work::Session,
    ] {
        // So many messages are one.
        let unit = match work {
            Work::Chunked => DEPTH,
            Work::Connections => CONNECTIONS,
            _ => 1,
        };
        let mut group = criterion.benchmark_group(work.name());
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_secs(1));
        let mut ratios = Ratios::default();
        for sender in Sender::ALL.into_iter().filter(|sender| sender.can(work)) {
            ratios.measure(&mut group, sender.name(), |n| {
                let count = unit * u32::try_from(n).unwrap_or(u32::MAX / unit);
                let job = Job::new(work, unit, count, sink.address, "/".into());
                let cost = job
                    .and_then(|job| sender.run(job))
                    .expect("messages are sent");
                Duration::from_nanos(cost.time) / unit
            });
        }
        group.finish();
        ratios.print(work.name(), is_peer);
    }
}

criterion_group!(benches, loopback);
criterion_main!(benches);
