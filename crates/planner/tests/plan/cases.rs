//! What the planner decides, case by case.

use crate::states::{DAY, Held, NOW, copy, place, policy};
use backend_core::{Evidence, Grade};
use planner::{Copy, Place, Planner, Policy, Serving, Standing, State, Step, Terms, Tier, Why, Wish};

fn check(held: &Held, places: &[Place], wanted: &Policy, standing: Standing, steps: &[Step]) {
    let outcome = held.planned(places, std::slice::from_ref(wanted));
    assert_eq!((outcome.standing, outcome.steps.as_slice()), (standing, steps));
}

fn present(places: &[usize]) -> Held {
    Held::new(places.iter().map(|at| copy(*at, State::Present)).collect())
}

const fn to(to: usize) -> Step {
    Step::Copy { to, read_back: false }
}

#[test]
fn enough_copies_need_nothing() {
    let places = [place("a"), place("b")];
    check(&present(&[0, 1]), &places, &policy(2), Standing::Safe, &[]);
    check(&present(&[0, 1]), &places, &policy(1), Standing::Safe, &[]);
}

#[test]
fn copies_that_fail_together_count_once() {
    let twin = Place { domain: "a".to_owned(), ..place("b") };
    let places = [place("a"), twin, place("c")];
    check(&present(&[0, 1]), &places, &policy(2), Standing::Short, &[to(2)]);
    let few = Step::Unsatisfiable(Why::TooFewDomains);
    check(&present(&[0]), &places[..2], &policy(2), Standing::Unsatisfiable, &[few]);
}

#[test]
fn what_keeps_nothing_is_no_replica() {
    let places = [place("a"), Place { keeps: false, ..place("gateway") }, place("c")];
    check(&present(&[0]), &places, &policy(2), Standing::Short, &[to(2)]);
    let why = Step::Unsatisfiable(Why::Place(1, "it keeps nothing of its own"));
    check(&present(&[0]), &places[..2], &policy(2), Standing::Unsatisfiable, &[why]);
}

#[test]
fn preference_and_prohibition_hold() {
    let mut places = [place("a"), place("b"), place("c"), place("d")];
    places[3].traits.durability = Grade::High;
    let wishes = |prefer: &[&str], only: &[&str], never: &[&str]| {
        let rules = |texts: &[&str]| texts.iter().map(|it| it.parse().unwrap()).collect();
        Policy { prefer: rules(prefer), only: rules(only), never: rules(never), ..policy(2) }
    };
    check(&present(&[0]), &places, &wishes(&["durability>=high"], &[], &[]), Standing::Short, &[to(3)]);
    check(&present(&[0]), &places, &wishes(&[], &[], &["b"]), Standing::Short, &[to(2)]);
    check(&present(&[0]), &places, &wishes(&[], &["a", "d"], &[]), Standing::Short, &[to(3)]);
    let why = Step::Unsatisfiable(Why::Place(1, "a policy forbids it"));
    check(&present(&[0]), &places[..2], &wishes(&[], &[], &["b"]), Standing::Unsatisfiable, &[why]);
    places[1].is_private = false;
    let private = Policy { private: true, ..policy(2) };
    check(&present(&[0]), &places[..3], &private, Standing::Short, &[to(2)]);
    // A copy that somebody put where others can read it counts, and stays; one that is named is made there.
    check(&present(&[0, 1]), &places[..3], &private, Standing::Safe, &[]);
    let named = Policy { private: true, ..wishes(&["b"], &[], &[]) };
    check(&present(&[0]), &places[..3], &named, Standing::Short, &[to(1)]);
}

#[test]
fn what_only_a_cache_has_is_sent_from_there_and_licenses_nothing() {
    let places = [place("a"), place("b")];
    let near = |copies: Vec<Copy>| Held { is_near: true, ..Held::new(copies) };
    let repaired = Step::Repair { copy: 0, read_back: false };
    check(&near(vec![copy(0, State::Missing)]), &places, &policy(2), Standing::Short, &[repaired, to(1)]);
    check(
        &Held::new(vec![copy(0, State::Missing)]),
        &places,
        &policy(2),
        Standing::Lost,
        &[Step::Unsatisfiable(Why::Lost)],
    );
    // It is no copy: one that stands where it may not waits for another one as before.
    let only = Policy { only: vec!["b".parse().unwrap()], ..policy(1) };
    let mut down = places.clone();
    down[1].writes = Serving::Down(NOW);
    let waits = [Step::Wait(Why::Place(1, "it is down")), Step::Wait(Why::NotProved)];
    check(&near(vec![copy(0, State::Present)]), &down, &only, Standing::Short, &waits);
}

#[test]
fn what_grows_older_moves_to_its_tier() {
    let tiered = |name: &str, tier: &str| Place { tier: Some(tier.to_owned()), ..place(name) };
    let places = [tiered("a", "hot"), tiered("b", "warm"), tiered("c", "cold")];
    let only = |text: &str| vec![text.parse().unwrap()];
    let later = |days: u64, text: &str| Tier { after_s: days * DAY, replicas: None, only: only(text) };
    let tiers = vec![later(90, "tier:cold"), later(30, "tier:warm")];
    let wanted = Policy { only: only("tier:hot"), tiers, ..policy(1) };
    let aged = |days: u64, at: usize| Held { since: NOW - days * DAY, ..present(&[at]) };
    check(&aged(29, 0), &places, &wanted, Standing::Safe, &[]);
    let moved = |at: usize| [Step::Copy { to: at, read_back: true }, Step::Remove { copy: 0 }];
    check(&aged(30, 0), &places, &wanted, Standing::Short, &moved(1));
    check(&aged(30, 1), &places, &wanted, Standing::Safe, &[]);
    check(&aged(90, 1), &places, &wanted, Standing::Short, &moved(2));
    check(&aged(90, 2), &places, &wanted, Standing::Safe, &[]);
    let planner = Planner::new(&places, std::slice::from_ref(&wanted), Terms::at(NOW));
    assert_eq!(planner.targets(0, 9), (vec![0], None), "what is new begins where the policy says");
    let mut down = places.clone();
    down[1].writes = Serving::Down(NOW);
    let waits = [Step::Wait(Why::Place(1, "it is down")), Step::Wait(Why::NotProved)];
    check(&aged(30, 0), &down, &wanted, Standing::Short, &waits);
}

#[test]
fn new_content_goes_where_its_policy_puts_it() {
    let mut places = [place("a"), Place { domain: "a".to_owned(), ..place("b") }, place("c"), place("d")];
    places[3].writes = Serving::Closed;
    let check = |policy: &Policy, size: u64, wanted: (Vec<usize>, Option<Why>)| {
        let planner = Planner::new(&places, std::slice::from_ref(policy), Terms::at(NOW));
        assert_eq!(planner.targets(0, size), wanted);
    };
    check(&policy(1), 9, (vec![0], None));
    check(&policy(2), 9, (vec![0, 2], None));
    check(&policy(3), 9, (vec![0, 2], Some(Why::Place(3, "it takes nothing at present"))));
    check(&Policy { prefer: vec!["b".parse().unwrap()], ..policy(2) }, 9, (vec![1, 2], None));
}

#[test]
fn what_cannot_be_written_is_waited_for_only_if_nothing_else_will_do() {
    let mut places = [place("a"), place("b"), place("c")];
    places[1].writes = Serving::Closed;
    check(&present(&[0]), &places, &policy(2), Standing::Short, &[to(2)]);
    let wait = Step::Wait(Why::Place(1, "it takes nothing at present"));
    check(&present(&[0]), &places[..2], &policy(2), Standing::Short, &[wait]);
    places[1] = Place { free: Some(99), ..place("b") };
    let wait = Step::Wait(Why::Place(1, "its quota leaves no room"));
    check(&present(&[0]), &places[..2], &policy(2), Standing::Short, &[wait]);
}

#[test]
fn a_quota_is_shared_by_all_contents_of_a_plan() {
    let places = [place("a"), Place { free: Some(150), ..place("b") }, place("c")];
    let policies = [policy(2)];
    let mut planner = Planner::new(&places, &policies, Terms::at(NOW));
    let held = present(&[0]);
    let steps: Vec<_> = (0..3).map(|_| planner.plan(&held.view()).steps).collect();
    assert_eq!(steps, [vec![to(1)], vec![to(2)], vec![to(2)]]);
}

#[test]
fn what_is_bad_is_looked_at_again_or_replaced() {
    let places = [place("a"), place("b"), place("c")];
    let with = |state| Held::new(vec![copy(0, State::Present), copy(1, state)]);
    check(&with(State::Suspect), &places, &policy(2), Standing::Short, &[Step::Verify { copy: 1 }]);
    let repair = Step::Repair { copy: 1, read_back: false };
    check(&with(State::Corrupt), &places, &policy(2), Standing::Short, &[repair]);
    check(&with(State::Missing), &places, &policy(2), Standing::Short, &[repair]);
    check(&with(State::Missing), &places, &policy(1), Standing::Safe, &[Step::Forget { copy: 1 }]);
    check(&with(State::Planned), &places, &policy(2), Standing::Short, &[to(1)]);
    check(&with(State::Accepted), &places, &policy(2), Standing::Short, &[Step::Wait(Why::UnderWay)]);
}

#[test]
fn without_a_copy_that_can_be_read_nothing_is_claimed() {
    let mut places = [place("a"), place("b")];
    let lost = Step::Unsatisfiable(Why::Lost);
    check(&Held::new(vec![copy(0, State::Missing)]), &places, &policy(1), Standing::Lost, &[lost]);
    places[0].reads = Serving::Down(NOW - 60);
    check(&present(&[0]), &places, &policy(2), Standing::Short, &[Step::Wait(Why::NoneAnswers)]);
}

#[test]
fn a_backend_that_is_down_counts_for_a_while() {
    let mut places = [place("a"), place("b"), place("c")];
    places[1].reads = Serving::Down(NOW - 60);
    check(&present(&[0, 1]), &places, &policy(2), Standing::Safe, &[]);
    places[1].reads = Serving::Down(NOW - 2 * DAY);
    let wait = Step::Wait(Why::Place(1, "it has been down for long"));
    check(&present(&[0, 1]), &places, &policy(2), Standing::Short, &[wait, to(2)]);
}

#[test]
fn retention_moves_a_copy_only_behind_proof_of_the_others() {
    let places = [Place { retention_s: Some(DAY / 2), ..place("a") }, place("b"), place("c")];
    let moved = [Step::Copy { to: 1, read_back: true }, Step::Remove { copy: 0 }];
    check(&present(&[0]), &places, &policy(1), Standing::Short, &moved);
    let proved = [Step::Verify { copy: 1 }, Step::Remove { copy: 0 }];
    check(&present(&[0, 1]), &places, &policy(1), Standing::Safe, &proved);
    let fresh = Copy { evidence: Evidence::Verified, proved_at: Some(NOW), ..copy(1, State::Present) };
    let held = Held::new(vec![copy(0, State::Present), fresh]);
    check(&held, &places, &policy(1), Standing::Safe, &[Step::Remove { copy: 0 }]);
}

#[test]
fn retention_against_replication_is_a_contradiction_and_no_pump() {
    let places = [place("a"), Place { retention_s: Some(DAY / 2), ..place("b") }];
    let why = Step::Unsatisfiable(Why::Place(1, "its retention is over"));
    check(&present(&[0]), &places, &policy(2), Standing::Unsatisfiable, &[why]);
    check(&present(&[0, 1]), &places, &policy(2), Standing::Unsatisfiable, &[why, Step::Wait(Why::NotProved)]);
}

#[test]
fn what_nobody_wants_goes_unless_it_is_held_or_not_ours() {
    let places = [place("a"), place("b")];
    let mut held = present(&[0, 1]);
    held.wishes = vec![Wish { policy: 0, until: Some(NOW) }];
    held.copies[1].owned = false;
    check(&held, &places, &policy(2), Standing::Unwanted, &[Step::Remove { copy: 0 }]);
    let hold = Policy { legal_hold: true, ..policy(2) };
    check(&held, &places, &hold, Standing::Safe, &[]);
    let policies = [policy(2)];
    let unarmed = Terms { is_armed: false, ..Terms::at(NOW) };
    let outcome = Planner::new(&places, &policies, unarmed).plan(&held.view());
    assert_eq!(outcome.steps, [Step::Wait(Why::Unarmed)]);
}

#[test]
fn what_ends_is_renewed_or_replaced() {
    let mut places = [place("a"), place("b"), place("c")];
    let mut held = present(&[0, 1]);
    held.copies[1].until = Some(NOW + DAY);
    check(&held, &places, &policy(2), Standing::Safe, &[Step::Renew { copy: 1 }]);
    places[1].offers.pin = false;
    let wait = Step::Wait(Why::Place(1, "its copy ends, and cannot be renewed"));
    check(&held, &places, &policy(2), Standing::Short, &[wait, to(2)]);
}

#[test]
fn a_copy_is_read_back_when_it_is_due() {
    let places = [place("a"), Place { proves: false, ..place("b") }];
    let often = Policy { verify_every_s: Some(30 * DAY), ..policy(2) };
    check(&present(&[0, 1]), &places, &often, Standing::Safe, &[Step::Verify { copy: 0 }]);
    let seldom = Policy { verify_every_s: Some(31 * DAY), ..policy(2) };
    check(&present(&[0, 1]), &places, &seldom, Standing::Safe, &[]);
}

#[test]
fn several_wishes_share_their_copies_and_the_strictest_prohibition_holds() {
    let places = [place("a"), place("b"), place("c")];
    let only = |name: &str, never: &[&str]| Policy {
        only: vec![name.parse().unwrap()],
        never: never.iter().map(|it| it.parse().unwrap()).collect(),
        ..policy(1)
    };
    let mut held = present(&[0]);
    held.wishes = vec![Wish { policy: 0, until: None }, Wish { policy: 1, until: None }];
    let outcome = held.planned(&places, &[policy(2), only("c", &[])]);
    assert_eq!(outcome.steps, [to(1), to(2)]);
    let outcome = held.planned(&places, &[policy(2), only("c", &["b"])]);
    assert_eq!(outcome.steps, [to(2)]);
    let explained = Planner::new(&places, &[policy(2), only("c", &["b"])], Terms::at(NOW)).explain(&held.view());
    assert_eq!(explained, [None, Some(Why::Place(1, "a policy forbids it")), None]);
}

#[test]
fn totals_tell_when_a_plan_is_too_large_to_be_believed() {
    let places = [place("a"), place("b")];
    let policies = [policy(1)];
    let mut planner = Planner::new(&places, &policies, Terms::at(NOW));
    let held = Held::new(vec![copy(0, State::Present), copy(1, State::Missing)]);
    (0..100).for_each(|_| drop(planner.plan(&held.view())));
    let brakes = planner.totals().brakes(&planner::Limits::default());
    assert_eq!(brakes, [planner::Brake::Missing { place: 1, n: 100, of: 100 }]);
}
