//! The wire format beside the floor: what `memcpy` and `memchr` need for the
//! same octets.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use smtp_benches::{LEN, content};
use smtp_proto::wire::{ReplyParser, Stuffed, Stuffer, Unstuffer};

fn transparency(criterion: &mut Criterion) {
    for (name, line) in [
        (
            "text",
            "The quick brown fox jumps over the lazy dog, and then once more.\r\n",
        ),
        ("dots", ".\r\n"),
    ] {
        let content = content(line);
        let mut wire = Vec::with_capacity(2 * LEN);
        let mut stuffer = Stuffer::new();
        stuffer.stuff(&content, |piece| wire.extend_from_slice(piece.octets()));
        wire.extend_from_slice(stuffer.finish());

        let mut group = criterion.benchmark_group(format!("transparency/{name}"));
        group.throughput(Throughput::Bytes(content.len() as u64));
        let mut copy = vec![0; content.len()];
        group.bench_function("floor: memcpy", |bencher| {
            bencher.iter(|| copy.copy_from_slice(black_box(&content)));
        });
        group.bench_function("floor: memmem", |bencher| {
            bencher.iter(|| memchr::memmem::find_iter(black_box(&content), b"\r\n.").count());
        });
        group.bench_function("stuff", |bencher| {
            bencher.iter(|| {
                let mut dots = 0;
                Stuffer::new().stuff(black_box(&content), |piece| {
                    dots += usize::from(piece == Stuffed::Dot);
                });
                dots
            });
        });
        group.bench_function("unstuff", |bencher| {
            bencher.iter(|| {
                let mut unstuffer = Unstuffer::new();
                let mut input = black_box(&wire[..]);
                std::iter::from_fn(|| unstuffer.next(&mut input)).count()
            });
        });
        group.finish();
    }
}

fn replies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replies");
    for (name, reply) in [
        ("one line", &b"250 2.1.5 Ok\r\n"[..]),
        (
            "four lines",
            b"550-5.7.1 one\r\n550-5.7.1 two\r\n550-5.7.1 three\r\n550 5.7.1 four\r\n",
        ),
    ] {
        group.throughput(Throughput::Bytes(reply.len() as u64));
        let mut parser = ReplyParser::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut input = black_box(reply);
                parser.parse(&mut input)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, transparency, replies);
criterion_main!(benches);
