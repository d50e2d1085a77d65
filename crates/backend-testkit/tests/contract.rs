//! `docs/CONTRACT.md` and the suite have the same numbers.

use std::collections::BTreeSet;

fn contract() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONTRACT.md");
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The numbers that begin a sentence: `* **C07** …`.
fn sentences(text: &str) -> Vec<String> {
    let numbered = text.lines().filter_map(|line| line.strip_prefix("* **C"));
    numbered.filter_map(|rest| rest.split_once("**")).map(|(number, _)| number.to_owned()).collect()
}

#[test]
fn every_sentence_is_a_case_and_every_case_a_sentence() {
    let text = contract();
    let sentences = sentences(&text);
    let cases: Vec<String> = backend_testkit::names()
        .map(|name| name.trim_start_matches('c').split('_').next().unwrap_or_default().to_owned())
        .collect();
    let set = |numbers: &[String]| numbers.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set(&sentences), set(&cases));
    assert_eq!(sentences.len(), set(&sentences).len(), "a number stands for two sentences");
    assert_eq!(cases.len(), set(&cases).len(), "a number stands for two cases");
    assert!(sentences.is_sorted() && cases.is_sorted());
}

#[test]
fn the_contract_fits_a_few_pages() {
    let lines = contract().lines().count();
    assert!((50..=200).contains(&lines), "{lines} lines");
}
