//! Any bytes as a CAR: answered without panic, the same whole or in pieces, and never more than was sent.
#![no_main]

use bytes::Bytes;
use ipld::{
    Block, Cid, Result,
    car::{
        Decoder, Hashes, Index, Item, Options, Scope, Verifier, ZeroSection, section_head,
        verify::{Order, Output, Ready, Settings},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, car)) = input.split_first() else { return };
    let zero = if choice & 1 == 0 { ZeroSection::Refuse } else { ZeroSection::End };
    let options = Options { max_section: 1 << 16, hashes: Hashes::Leave, zero, ..Options::default() };
    let whole = decode([Bytes::copy_from_slice(car)], options);
    let step = usize::from(choice >> 4) + 1;
    assert_eq!(decode(car.chunks(step).map(Bytes::copy_from_slice), options), whole, "in pieces of {step}");
    let _ = section_head(car, 1 << 16);
    index(car);
    if let Ok((roots, blocks)) = whole
        && let Some(root) = roots.first().or(blocks.first().map(|block| &block.cid))
    {
        let sent: usize = blocks.iter().map(|block| block.data.len()).sum();
        assert!(sent <= car.len());
        verify(*root, choice, &blocks);
    }
});

type Decoded = (Vec<Cid>, Vec<Block>);

fn decode(pieces: impl IntoIterator<Item = Bytes>, options: Options) -> Result<Decoded> {
    let mut decoder = Decoder::new(options);
    let mut decoded = (Vec::new(), Vec::new());
    for piece in pieces {
        decoder.feed(piece);
        while let Some(item) = decoder.next()? {
            match item {
                Item::Header { roots, .. } => decoded.0 = roots,
                Item::Block(block) => decoded.1.push(block),
            }
        }
    }
    decoder.finish().map(|()| decoded)
}

fn index(bytes: &[u8]) {
    if let Ok(index) = Index::parse(Bytes::copy_from_slice(bytes)) {
        assert!(index.len() <= bytes.len());
        let _ = index.offsets(&Block::raw("any").cid);
    }
}

fn verify(root: Cid, choice: u8, blocks: &[Block]) {
    let range = u64::from(choice)..u64::from(choice) * 3;
    for scope in [Scope::Block, Scope::All, Scope::Entity(None), Scope::Entity(Some(range))] {
        for (order, output) in [(Order::Any, Output::Everything), (Order::Dfs, Output::Nothing)] {
            let settings = Settings { order, output, ..Settings::default() };
            let mut verifier = Verifier::with(root, scope.clone(), settings);
            let done = blocks.iter().try_for_each(|block| {
                verifier.push(block.clone())?;
                drain(&mut verifier)
            });
            verifier.end();
            if done.and_then(|()| drain(&mut verifier)).is_ok()
                && let Ok(summary) = verifier.finish()
            {
                assert!(summary.blocks <= blocks.len() as u64);
            }
        }
    }
}

fn drain(verifier: &mut Verifier) -> Result<()> {
    let mut told = 0;
    while let Some(ready) = verifier.ready()? {
        match ready {
            Ready::Node(block) => block.verify()?,
            Ready::Bytes { offset, data } => {
                assert!(told <= offset && !data.is_empty());
                told = offset + data.len() as u64;
            }
            Ready::Again { offset, len, from } => {
                assert!(told <= offset && 0 < len && from + len <= offset);
                told = offset + len;
            }
        }
    }
    Ok(())
}
