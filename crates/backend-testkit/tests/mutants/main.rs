//! The suite bites: every case fails on a backend that is broken in the way the case is about, and on no other account.
#![expect(clippy::unwrap_used, reason = "the helpers of these tests; they are called by tests alone")]

mod adding;
mod kinds;
mod listing;
mod mutant;
mod pinner;
mod reading;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Backend, ErrorKind, Settings};
use backend_testkit::{Fault, Faulty, Subject, TestClock, Verb, names, run_on};
use serde_json::{Value, json};

use mutant::{How, Mutant};

type Break = Box<dyn Fn(Arc<dyn Backend>) -> Arc<dyn Backend>>;

/// Which case must notice, what the store is like, and how it is broken.
struct Row {
    case: &'static str,
    connection: Value,
    what: String,
    broken: Break,
}

fn memory(connection: &Value) -> Arc<dyn Backend> {
    backend_memory::open(Settings::new("suite", connection.clone(), TestClock::new())).unwrap()
}

fn row(case: &'static str, how: How) -> Row {
    with(case, Value::Null, how)
}

fn with(case: &'static str, connection: Value, how: How) -> Row {
    Row { case, connection, what: format!("{how:?}"), broken: Box::new(move |inner| Arc::new(Mutant::new(inner, how))) }
}

fn fault(case: &'static str, verb: Verb, fault: Fault) -> Row {
    let what = format!("{verb:?} {fault:?}");
    let broken: Break =
        Box::new(move |inner| Arc::new(Faulty::new(inner, TestClock::new()).always(verb, fault.clone())));
    Row { case, connection: Value::Null, what, broken }
}

fn faults() -> Vec<Row> {
    let fail = Fault::fail;
    vec![
        fault("c50_a_range_is_exact", Verb::Get, Fault::Shift(1)),
        fault("c50_a_range_is_exact", Verb::Get, Fault::Whole),
        fault("c20_every_size_comes_back_whole", Verb::Get, Fault::Cut(10)),
        fault("c20_every_size_comes_back_whole", Verb::Get, Fault::Flip(0)),
        fault("c20_every_size_comes_back_whole", Verb::Get, Fault::Break(5, ErrorKind::Unavailable)),
        fault("c20_every_size_comes_back_whole", Verb::Add, Fault::Lose),
        fault("c21_large_content_streams", Verb::Get, Fault::Flip(63 << 20)),
        fault("c70_a_listing_is_complete", Verb::List, Fault::Cut(20)),
        fault("c70_a_listing_is_complete", Verb::List, Fault::Lie),
        fault("c70_a_listing_is_complete", Verb::List, Fault::Break(39, ErrorKind::Unavailable)),
        fault("c60_what_is_removed_is_gone", Verb::Remove, Fault::Lie),
        fault("c61_removing_what_is_absent_is_ok", Verb::Remove, Fault::Lie),
        fault("c61_removing_what_is_absent_is_ok", Verb::Remove, fail(ErrorKind::NotFound)),
        fault("c15_what_add_answered_is_found_again", Verb::Add, Fault::Lie),
        fault("c16_what_is_absent_is_not_found", Verb::Stat, Fault::Lie),
        fault("c16_what_is_absent_is_not_found", Verb::Get, fail(ErrorKind::Denied)),
        fault("c86_usage_follows_what_is_stored", Verb::Usage, Fault::Lie),
        fault("c43_an_upload_can_be_given_up", Verb::Discard, fail(ErrorKind::NotFound)),
        fault("c43_an_upload_can_be_given_up", Verb::Discard, Fault::Lie),
        fault("c10_health_is_an_answer", Verb::Health, Fault::Lie),
        fault("c10_health_is_an_answer", Verb::Health, fail(ErrorKind::Unavailable)),
    ]
}

fn mutants() -> Vec<Row> {
    vec![
        row("c01_info_is_constant_and_within_the_descriptor", How::OffersMore),
        row("c02_the_example_opens", How::BrokenPlugin),
        row("c03_an_unknown_setting_is_refused", How::BrokenPlugin),
        row("c04_verbs_that_are_not_offered_say_so", How::HidesUsage),
        row("c05_options_that_are_not_offered_say_so", How::HidesRange),
        row("c05_options_that_are_not_offered_say_so", How::HidesLabels),
        row("c06_nothing_tells_a_secret", How::ShowsSecret),
        row("c06_nothing_tells_a_secret", How::LogsToken),
        row("c11_health_changes_nothing", How::HealthWrites),
        row("c12_a_probe_leaves_nothing_behind", How::ForgetsFacts),
        row("c15_what_add_answered_is_found_again", How::SaysVerified),
        row("c15_what_add_answered_is_found_again", How::SaysSize),
        row("c18_what_is_whole_is_counted_whole", How::CountsHalf),
        row("c22_the_same_content_again_is_ok", How::AlwaysNew),
        row("c23_another_content_replaces", How::KeepsFirst),
        row("c24_an_id_fits_the_store", How::InventsKey),
        row("c25_a_source_that_fails_leaves_nothing", How::KeepsHalf),
        row("c25_a_source_that_fails_leaves_nothing", How::RemovesFirst),
        row("c25_a_source_that_fails_leaves_nothing", How::AllIsInternal),
        row("c26_a_source_of_another_length_leaves_nothing", How::FitsLength),
        row("c27_a_changed_source_leaves_nothing", How::AllIsInternal),
        row("c28_only_compared_bytes_are_attested", How::AttestsAll),
        row("c29_a_dropped_add_never_appears", How::GoesOnAlone),
        row("c30_of_two_writers_one_whole_content_remains", How::MixesWriters),
        row("c31_two_adds_of_one_content_agree", How::OneAtATime),
        row("c32_if_absent_holds", How::NoConditions),
        row("c33_if_match_holds_for_add", How::NoConditions),
        row("c34_labels_are_kept", How::DropsLabels),
        row("c34_labels_are_kept", How::TrimsLabels),
        row("c35_a_media_type_is_kept_or_dropped", How::GuessesMedia),
        row("c36_progress_is_told", How::TellsNothing),
        row("c37_hostile_names_are_kept_or_refused", How::TrimsKeys),
        row("c39_what_is_wrong_is_mended", How::KeepsWrong),
        row("c39_what_is_wrong_is_mended", How::MendsAll),
        row("c39_what_is_wrong_is_mended", How::MendsHalf),
        row("c39_what_is_wrong_is_mended", How::RemovesFirst),
        row("c38_near_names_do_not_meet", How::FoldsCase),
        row("c40_a_failed_checkpoint_ends_the_add", How::IgnoresCheckpoint),
        row("c41_an_upload_is_gone_on_with", How::BeginsAgain),
        row("c42_a_token_never_mixes_contents", How::MixesParts),
        row("c44_nothing_is_sent_before_the_checkpoint", How::SendsFirst),
        row("c51_a_range_outside_is_refused", How::EmptyOutside),
        row("c52_if_match_holds_for_get", How::NoConditions),
        row("c53_a_body_may_be_left", How::LeaksBodies),
        row("c54_a_tree_is_kept_by_its_blocks_or_refused", How::FlattensTrees),
        row("c62_if_match_holds_for_remove", How::NoConditions),
        row("c63_neighbours_stay", How::RemovesBelow),
        row("c70_a_listing_is_complete", How::ListsTwice),
        row("c71_a_prefix_is_any_text", How::PrefixIsFolder),
        row("c72_a_shallow_listing_is_one_level", How::ListsDeep),
        row("c73_what_is_listed_can_be_used", How::ListsBilled),
        row("c74_a_listing_goes_on_behind_a_cursor", How::ForgetsCursor),
        row("c74_a_listing_goes_on_behind_a_cursor", How::RepeatsCursor),
        row("c75_a_listing_may_be_left", How::LeaksListings),
        row("c85_usage_is_sane", How::UsesMore),
    ]
}

/// Of stores of CIDs, with versions, and so on.
fn mutants_of_other_stores() -> Vec<Row> {
    let (cid, assigned) = (|| json!({ "addressing": "cid" }), || json!({ "addressing": "assigned" }));
    let (versions, bounded) = (|| json!({ "versions": true }), || json!({ "max_bytes": 32 << 20 }));
    vec![
        with("c07_limits_are_held_before_the_first_byte", bounded(), How::LooksFirst),
        with("c17_the_handle_may_be_left_out", assigned(), How::NeedsHandle),
        with("c28_only_compared_bytes_are_attested", cid(), How::BelievesNames),
        with("c54_a_tree_is_kept_by_its_blocks_or_refused", cid(), How::TreeIsEmptyFile),
        with("c55_every_block_comes_by_its_cid", cid(), How::AnyBlock),
        with("c64_older_versions_stay_readable", versions(), How::ErasesAll),
        with("c65_a_version_that_is_not_there_is_not_found", versions(), How::AnyVersion),
        with("c71_a_prefix_is_any_text", cid(), How::NoPrefix),
        Row { broken: Box::new(|inner| pinner::pinner(inner, pinner::Pins::Wiping)), ..with(PIN, cid(), How::Nothing) },
        Row { broken: Box::new(|inner| pinner::pinner(inner, pinner::Pins::Keys)), ..with(PIN, cid(), How::Nothing) },
    ]
}

fn all() -> impl Iterator<Item = Row> {
    faults().into_iter().chain(mutants()).chain(mutants_of_other_stores())
}

const PIN: &str = "c80_pinning_is_by_cid_and_merges";

fn subject(backend: Arc<dyn Backend>, case: &str) -> Subject {
    let subject = Subject::new(backend, Duration::ZERO);
    if ["c21", "c39"].iter().any(|large| case.starts_with(large)) { subject } else { subject.small() }
}

#[test]
fn every_mutant_is_noticed_and_its_original_is_not() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut unnoticed = Vec::new();
    for row in all() {
        let sane = runtime.block_on(run_on(row.case, &subject(memory(&row.connection), row.case)));
        sane.unwrap_or_else(|failure| panic!("{} fails on a store that is not broken: {failure:?}", row.case));
        let broken = (row.broken)(memory(&row.connection));
        if runtime.block_on(run_on(row.case, &subject(broken, row.case))).is_ok() {
            unnoticed.push(format!("{} did not notice {}", row.case, row.what));
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

#[test]
fn every_case_is_proved_to_bite() {
    let proved: BTreeSet<&str> = all().map(|row| row.case).collect();
    let all: BTreeSet<&str> = names().collect();
    assert_eq!(proved, all);
}

/// A pinning store that keeps the contract passes: memory offers no pins, so this is the only proof that the case can succeed.
#[test]
fn pins_that_are_kept_pass() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let honest = pinner::pinner(memory(&json!({ "addressing": "cid" })), pinner::Pins::Honest);
    runtime.block_on(run_on(PIN, &subject(honest, PIN))).unwrap();
}
