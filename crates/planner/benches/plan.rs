//! A million contents, of which one in a hundred lacks a copy: planning is to take below two seconds, and no memory of its own.

use std::hint::black_box;

use backend_core::{Capabilities, Evidence, Grade, Traits};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use planner::{Content, Copy, Place, Planner, Policy, Serving, State, Terms, Wish};

const CONTENTS: u64 = 1_000_000;
const NOW: u64 = 1_800_000_000;

fn place(n: usize) -> Place {
    let offers = Capabilities { get: true, add: true, remove: true, ..Capabilities::default() };
    Place {
        name: format!("p{n}"),
        kind: "local".to_owned(),
        tier: None,
        domain: format!("d{n}"),
        keeps: true,
        proves: true,
        is_private: true,
        offers,
        traits: Traits { latency: Grade::Low, durability: Grade::Medium, cost: Grade::Low },
        min_size: 0,
        max_size: None,
        retention_s: Some(1 << 40),
        free: Some(1 << 60),
        reads: Serving::Up,
        writes: Serving::Up,
    }
}

fn million(c: &mut Criterion) {
    let places: Vec<Place> = (0..16).map(place).collect();
    let policies = [Policy { replicas: 2, verify_every_s: Some(1 << 40), ..Policy::default() }];
    let copy = |place| Copy {
        place,
        state: State::Present,
        evidence: Evidence::Verified,
        proved_at: Some(NOW),
        until: None,
        owned: true,
    };
    let wishes = [Wish { policy: 0, until: None }];
    let mut group = c.benchmark_group("planner");
    group.throughput(Throughput::Elements(CONTENTS)).sample_size(10);
    group.bench_function("plan 1M contents on 16 backends", |b| {
        b.iter(|| {
            let mut planner = Planner::new(&places, &policies, Terms::at(NOW));
            for n in 0..CONTENTS {
                let at = (n % 15) as usize;
                let both = [copy(at), copy(at + 1)];
                let copies = if n % 100 == 0 { &both[..1] } else { &both[..] };
                black_box(planner.plan(&Content { size: n, since: NOW, wishes: &wishes, copies, is_near: false }));
            }
            planner.totals().contents
        });
    });
}

criterion_group!(benches, million);
criterion_main!(benches);
