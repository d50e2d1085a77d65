//! How close importing comes to bare sha2, on one core and on two; and what a directory of a million names costs.
//!
//! `cargo bench -p ipld --bench import`. Goals: at least 0.95 of bare sha2 on one core, and at least 1.8 times that on two.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ipld::{
    import::{DirectoryBuilder, Entry, FileBuilder, import, leaf},
    profile::{Profile, UNIXFS_V0_2015, UNIXFS_V1_2025},
};
use sha2::{Digest, Sha256};

const SIZE: usize = 64 << 20;

fn content() -> Vec<u8> {
    (0_u64..SIZE as u64 / 8).flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect()
}

/// Halves of the chunks on a thread each; the results in order to one builder.
fn import_on_two(profile: &Profile, data: &[u8]) -> Entry {
    let chunks: Vec<&[u8]> = data.chunks(profile.chunk as usize).collect();
    let hash = |part: &[&[u8]]| part.iter().map(|chunk| leaf(profile, chunk)).collect::<Vec<_>>();
    let (first, second) = chunks.split_at(chunks.len() / 2);
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| hash(second));
        (hash(first), other.join().unwrap_or_default())
    });
    let mut builder = FileBuilder::new(*profile);
    first.into_iter().chain(second).for_each(|entry| builder.push(entry, &mut |_| ()));
    builder.finish(&mut |_| ())
}

/// What two cores of this machine give at most: they may be threads of one.
fn sha2_on_two(data: &[u8]) -> ([u8; 32], [u8; 32]) {
    let (first, second) = data.split_at(data.len() / 2);
    let hash = |part: &[u8]| -> [u8; 32] { Sha256::digest(part).into() };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| hash(second));
        (hash(first), other.join().unwrap_or_default())
    })
}

fn files(criterion: &mut Criterion) {
    let data = content();
    assert_eq!(import_on_two(&UNIXFS_V1_2025, &data), import(&UNIXFS_V1_2025, &data).0);
    let mut group = criterion.benchmark_group("64 MiB");
    group.throughput(Throughput::Bytes(SIZE as u64)).measurement_time(Duration::from_secs(5)).sample_size(20);
    group.bench_function("sha2, one core", |bencher| bencher.iter(|| Sha256::digest(black_box(&data))));
    group.bench_function("v1-2025, one core", |bencher| bencher.iter(|| import(&UNIXFS_V1_2025, black_box(&data))));
    group.bench_function("sha2, two cores", |bencher| bencher.iter(|| sha2_on_two(black_box(&data))));
    group.bench_function("v1-2025, two cores", |bencher| {
        bencher.iter(|| import_on_two(&UNIXFS_V1_2025, black_box(&data)))
    });
    group.bench_function("v0-2015, one core", |bencher| bencher.iter(|| import(&UNIXFS_V0_2015, black_box(&data))));
    group.finish();
}

fn directory(criterion: &mut Criterion) {
    let entry = leaf(&UNIXFS_V1_2025, b"x");
    let names: Vec<String> = (0..1_000_000).map(|index| format!("file-{index:07}")).collect();
    let mut group = criterion.benchmark_group("directory");
    group.throughput(Throughput::Elements(names.len() as u64)).sample_size(10);
    group.bench_function("a million names", |bencher| {
        bencher.iter(|| {
            let mut builder = DirectoryBuilder::new(UNIXFS_V1_2025);
            let added = names.iter().try_for_each(|name| builder.add(name.as_bytes(), entry));
            added.and_then(|()| builder.finish(&mut |_| ()))
        });
    });
    group.finish();
}

criterion_group!(benches, files, directory);
criterion_main!(benches);
