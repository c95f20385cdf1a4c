//! What a picture costs: `cargo bench --bench render`. First the bytes of its file, then the time to make one, and to
//! get one that was made before.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use onlookers::picture::{Pictures, Style, Value, notice, render};

fn bytes(_: &mut Criterion) {
    let style = Style::default();
    for (digits, numbers) in [(1, 0..10), (2, 10..100), (3, 100..1_000), (4, 1_000..10_000)] {
        let mut sizes: Vec<usize> = numbers.map(|n| render(&style, Value::Count(n)).encode().len()).collect();
        sizes.sort_unstable();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        println!("{digits} digits: {} to {} bytes, {mean} on average", sizes[0], sizes[sizes.len() - 1]);
    }
}

fn time(criterion: &mut Criterion) {
    let style = Style::default();
    let mut n = 99;
    let mut next = || {
        n = if n == 999 { 100 } else { n + 1 };
        Value::Count(n)
    };
    criterion.bench_function("render", |b| b.iter(|| render(&style, next())));
    criterion.bench_function("render and encode, cold", |b| b.iter(|| render(&style, next()).encode()));
    let pictures = Pictures::new(8 << 20);
    for n in 100..1_000 {
        let _ = pictures.png(&style, Value::Count(n));
    }
    criterion.bench_function("cached", |b| b.iter(|| pictures.png(black_box(&style), next())));
    criterion.bench_function("notice", |b| b.iter(|| notice(black_box("Too many viewers: try again soon"))));
}

criterion_group!(benches, bytes, time);
criterion_main!(benches);
