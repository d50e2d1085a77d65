//! The cases, by the number of the sentence they prove, and the macro that makes each a test.

mod beside;
mod condition;
mod dropped;
mod exact;
mod health;
mod info;
mod labels;
mod lies;
mod limits;
mod list;
mod mend;
mod names;
mod page;
mod pin;
mod race;
mod remove;
mod resume;
mod secret;
mod stat;
mod tree;
mod unoffered;
mod usage;
mod versions;
mod whole;

use std::fmt;
use std::future::Future;

use futures::future::LocalBoxFuture;

use crate::check::Outcome;
use crate::fixture::Fixture;
use crate::subject::Subject;

/// One case of the suite.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name: `c20_…` proves sentence C20 of `docs/CONTRACT.md`.
    pub name: &'static str,
    run: for<'a> fn(&'a Subject) -> LocalBoxFuture<'a, Outcome>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! cases {
    ($dollar:tt $($room:ident: $($name:ident),+;)+) => {
        /// All of them.
        pub const CASES: &[Case] = &[
            $($(Case { name: stringify!($name), run: |subject| Box::pin($room::$name(subject)) },)+)+
        ];

        /// Makes a test of every case: `suite!(fixture)`, where `fixture` is an `async fn() -> Fixture`.
        #[macro_export]
        macro_rules! suite {
            ($dollar fixture:path) => {
                $($(
                    #[test]
                    fn $name() {
                        $crate::run(stringify!($name), $dollar fixture);
                    }
                )+)+
            };
        }
    };
}

cases! { $
    info: c01_info_is_constant_and_within_the_descriptor, c02_the_example_opens, c03_an_unknown_setting_is_refused;
    unoffered: c04_verbs_that_are_not_offered_say_so, c05_options_that_are_not_offered_say_so;
    secret: c06_nothing_tells_a_secret;
    limits: c07_limits_are_held_before_the_first_byte;
    health: c10_health_is_an_answer, c11_health_changes_nothing, c12_a_probe_leaves_nothing_behind;
    stat: c15_what_add_answered_is_found_again, c16_what_is_absent_is_not_found, c17_the_handle_may_be_left_out,
        c18_what_is_whole_is_counted_whole;
    whole: c20_every_size_comes_back_whole, c21_large_content_streams, c22_the_same_content_again_is_ok,
        c23_another_content_replaces, c24_an_id_fits_the_store;
    lies: c25_a_source_that_fails_leaves_nothing, c26_a_source_of_another_length_leaves_nothing,
        c27_a_changed_source_leaves_nothing, c28_only_compared_bytes_are_attested;
    dropped: c29_a_dropped_add_never_appears;
    race: c30_of_two_writers_one_whole_content_remains, c31_two_adds_of_one_content_agree;
    condition: c32_if_absent_holds, c33_if_match_holds_for_add;
    labels: c34_labels_are_kept;
    beside: c35_a_media_type_is_kept_or_dropped, c36_progress_is_told;
    names: c37_hostile_names_are_kept_or_refused, c38_near_names_do_not_meet;
    mend: c39_what_is_wrong_is_mended;
    resume: c40_a_failed_checkpoint_ends_the_add, c41_an_upload_is_gone_on_with, c42_a_token_never_mixes_contents,
        c43_an_upload_can_be_given_up, c44_nothing_is_sent_before_the_checkpoint;
    exact: c50_a_range_is_exact, c51_a_range_outside_is_refused, c52_if_match_holds_for_get,
        c53_a_body_may_be_left;
    tree: c54_a_tree_is_kept_by_its_blocks_or_refused, c55_every_block_comes_by_its_cid;
    remove: c60_what_is_removed_is_gone, c61_removing_what_is_absent_is_ok, c62_if_match_holds_for_remove,
        c63_neighbours_stay;
    versions: c64_older_versions_stay_readable, c65_a_version_that_is_not_there_is_not_found;
    list: c70_a_listing_is_complete, c71_a_prefix_is_any_text, c72_a_shallow_listing_is_one_level,
        c73_what_is_listed_can_be_used;
    page: c74_a_listing_goes_on_behind_a_cursor, c75_a_listing_may_be_left;
    pin: c80_pinning_is_by_cid_and_merges;
    usage: c85_usage_is_sane, c86_usage_follows_what_is_stored;
}

/// The names of all cases.
pub fn names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|case| case.name)
}

/// Runs one case on every opener of the fixture, each with a fixture of its own, and fails the test if one of them does not conform.
///
/// # Panics
/// When a backend does not conform, and when there is no such case.
#[expect(clippy::panic, reason = "this is the body of a test")]
pub fn run<F: Future<Output = Fixture>>(name: &str, fixture: impl Fn() -> F) {
    let Some(case) = CASES.iter().find(|case| case.name == name) else { panic!("there is no case {name}") };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|err| panic!("no runtime: {err}"));
    runtime.block_on(async {
        let openers = fixture().await.open.len();
        assert!(0 < openers, "the fixture has no opener");
        for number in 0..openers {
            let fixture = fixture().await;
            let Some((opener, open)) = fixture.open.get(number) else {
                panic!("a fixture has fewer openers than before")
            };
            let subject = Subject::new(open(), fixture.settle);
            let subject = if fixture.small { subject.small() } else { subject };
            if let Err(failure) = (case.run)(&subject).await {
                panic!("{name} on the {opener}: {failure:?}");
            }
            drop(fixture.keep);
        }
    });
}

/// Runs the case `name` on `subject` and answers instead of panicking.
///
/// # Errors
/// What does not conform. An unknown name does not.
pub async fn run_on(name: &str, subject: &Subject) -> Outcome {
    match CASES.iter().find(|case| case.name == name) {
        Some(case) => (case.run)(subject).await,
        None => Err(crate::Failure::new(format!("there is no case {name}"))),
    }
}
