//! What holds for every state, tried on random ones.

use crate::states::{DAY, Held, NOW, place, policy};
use backend_core::Evidence;
use planner::{Copy, Place, Planner, Policy, Serving, Standing, State, Step, Terms, Tier, Wish};
use proptest::prelude::*;

/// State, evidence, age of the proof, what is left of its time, and whether it is ours.
type Row = (usize, usize, u64, Option<u64>, bool);

const N_PLACES: usize = 5;
const STATES: [State; 9] = [
    State::Planned,
    State::Uploading,
    State::Accepted,
    State::Present,
    State::Suspect,
    State::Removing,
    State::Missing,
    State::Corrupt,
    State::Lingering,
];
const EVIDENCE: [Evidence; 3] = [Evidence::Acknowledged, Evidence::Attested, Evidence::Verified];

fn serving() -> impl Strategy<Value = Serving> {
    prop_oneof![
        6 => Just(Serving::Up),
        1 => Just(Serving::Closed),
        1 => (0..3 * DAY).prop_map(|ago| Serving::Down(NOW - ago)),
    ]
}

fn a_place(n: usize) -> impl Strategy<Value = Place> {
    let flags =
        (any::<bool>(), proptest::bool::weighted(0.9), proptest::bool::weighted(0.9), any::<bool>(), any::<bool>());
    let bounds = (0..4usize, proptest::option::weighted(0.2, 0..3 * DAY), proptest::option::weighted(0.2, 50..200u64));
    (serving(), serving(), flags, bounds).prop_map(move |(reads, writes, flags, (domain, retention_s, max_size))| {
        let (is_private, keeps, proves, pin, remove) = flags;
        let base = place(&format!("p{n}"));
        let offers = backend_core::Capabilities { pin, remove, ..base.offers };
        Place {
            domain: format!("d{domain}"),
            keeps,
            proves,
            is_private,
            offers,
            retention_s,
            max_size,
            reads,
            writes,
            ..base
        }
    })
}

fn places() -> impl Strategy<Value = Vec<Place>> {
    (0..N_PLACES).map(a_place).collect::<Vec<_>>()
}

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let names = || proptest::collection::vec((0..N_PLACES).prop_map(|n| format!("p{n}").parse().unwrap()), 0..2);
    let one = (
        0..4u32,
        names(),
        names(),
        names(),
        any::<bool>(),
        proptest::bool::weighted(0.1),
        proptest::option::of(0..60 * DAY),
        proptest::collection::vec((0..4 * DAY, proptest::option::of(0..4u32), names()), 0..3),
    );
    let one = one.prop_map(|(replicas, prefer, only, never, private, legal_hold, verify_every_s, tiers)| Policy {
        prefer,
        only,
        never,
        private,
        legal_hold,
        // Zero is due again at once, and for ever.
        verify_every_s: verify_every_s.map(|it| it + 1),
        tiers: tiers.into_iter().map(|(after_s, replicas, only)| Tier { after_s, replicas, only }).collect(),
        ..policy(replicas)
    });
    proptest::collection::vec(one, 3)
}

fn held() -> impl Strategy<Value = Held> {
    let a_copy =
        (0..STATES.len(), 0..EVIDENCE.len(), 0..60 * DAY, proptest::option::weighted(0.2, 0..30 * DAY), any::<bool>());
    let copies = proptest::collection::vec(proptest::option::weighted(0.6, a_copy), N_PLACES);
    let copies = copies.prop_map(|rows| {
        let of = |(place, row): (usize, Option<Row>)| {
            row.map(|(state, evidence, ago, left, owned)| Copy {
                place,
                state: STATES[state],
                evidence: EVIDENCE[evidence],
                proved_at: Some(NOW - ago),
                until: left.map(|left| NOW + left),
                owned,
            })
        };
        rows.into_iter().enumerate().filter_map(of).collect::<Vec<_>>()
    });
    let wishes = proptest::collection::vec((0..3usize, proptest::option::weighted(0.3, 0..2 * DAY)), 0..3);
    (copies, wishes, 1..300u64, 0..4 * DAY, any::<bool>()).prop_map(|(copies, wishes, size, age, is_near)| Held {
        size,
        is_near,
        since: NOW - age,
        wishes: wishes
            .into_iter()
            .map(|(policy, until)| Wish { policy, until: until.map(|it| NOW - DAY + it) })
            .collect(),
        copies,
    })
}

fn acts(steps: &[Step]) -> Vec<Step> {
    steps.iter().copied().filter(Step::is_act).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_plan(places in places(), policies in policies(), mut held in held()) {
        let outcome = held.planned(&places, &policies);
        held.carry_out(&outcome.steps, usize::MAX);
        let again = held.planned(&places, &policies);
        prop_assert_eq!(acts(&again.steps), [], "after {:?}", outcome);
    }

    #[test]
    fn what_was_safe_stays_safe_at_every_step(places in places(), policies in policies(), held in held()) {
        let outcome = held.planned(&places, &policies);
        if outcome.standing != Standing::Safe {
            return Ok(());
        }
        for n in 0..=outcome.steps.len() {
            let mut then = held.clone();
            then.carry_out(&outcome.steps, n);
            prop_assert_eq!(then.planned(&places, &policies).standing, Standing::Safe, "after {} of {:?}", n, outcome);
        }
    }

    #[test]
    fn what_is_not_ours_and_what_is_held_stays(places in places(), policies in policies(), held in held()) {
        let outcome = held.planned(&places, &policies);
        let is_held = held.wishes.iter().any(|wish| policies[wish.policy].legal_hold);
        for step in &outcome.steps {
            if let Step::Remove { copy } = step {
                prop_assert!(held.copies[*copy].owned && !is_held, "{:?}", outcome);
            }
        }
    }

    /// Something wanted is removed only when, by then, enough others were read back.
    #[test]
    fn a_removal_is_licensed_by_proof(places in places(), policies in policies(), held in held()) {
        let outcome = held.planned(&places, &policies);
        let removal = outcome.steps.iter().position(|step| matches!(step, Step::Remove { .. }));
        let Some(removal) = removal.filter(|_| outcome.standing != Standing::Unwanted) else { return Ok(()) };
        let mut then = held.clone();
        then.carry_out(&outcome.steps, removal);
        for wish in held.wishes.iter().filter(|wish| wish.until.is_none_or(|until| NOW < until)) {
            let proved = then.copies.iter().filter(|it| it.state == State::Present && it.evidence == Evidence::Verified);
            let mut domains: Vec<_> = proved.map(|it| places[it.place].domain.clone()).collect();
            domains.sort();
            domains.dedup();
            let replicas = policies[wish.policy].replicas_at(NOW - held.since);
            prop_assert!(replicas as usize <= domains.len(), "{:?}", outcome);
        }
    }

    /// However old content grows, day after day, its plans end, and at no step is there less of it than is wanted at that age, if there was enough before.
    #[test]
    fn growing_older_moves_copies_and_loses_none(places in places(), policies in policies(), mut held in held()) {
        for _ in 0..6 {
            held.since -= DAY;
            let outcome = held.planned(&places, &policies);
            let readable = |held: &Held| held.copies.iter().filter(|it| it.state == State::Present).count();
            let live = held.wishes.iter().filter(|it| it.until.is_none_or(|until| NOW < until));
            let wanted = live.map(|it| policies[it.policy].replicas_at(NOW - held.since)).max().unwrap_or(0);
            let before = readable(&held);
            for n in 0..=outcome.steps.len() {
                let mut then = held.clone();
                then.carry_out(&outcome.steps, n);
                prop_assert!(before.min(wanted as usize) <= readable(&then), "after {} of {:?}", n, outcome);
            }
            held.carry_out(&outcome.steps, usize::MAX);
            let again = held.planned(&places, &policies);
            prop_assert_eq!(acts(&again.steps), [], "after {:?}", outcome);
        }
    }

    /// A quota is never planned beyond, and no content is sent where it was removed from.
    #[test]
    fn plans_converge_and_keep_within_quotas(mut places in places(), policies in policies(), mut all in proptest::collection::vec(held(), 1..8), room in 0..900u64) {
        places[0].free = Some(room);
        for _ in 0..6 {
            let mut planner = Planner::new(&places, &policies, Terms::at(NOW));
            let plans: Vec<_> = all.iter().map(|held| planner.plan(&held.view()).steps).collect();
            let mut sent = 0;
            for (held, steps) in all.iter_mut().zip(&plans) {
                let before: Vec<usize> = held.copies.iter().map(|it| it.place).collect();
                let is_new = |step: &&Step| matches!(step, Step::Copy { to: 0, .. }) && !before.contains(&0);
                sent += held.size * steps.iter().filter(is_new).count() as u64;
                held.carry_out(steps, usize::MAX);
            }
            prop_assert!(sent <= places[0].free.unwrap());
            places[0].free = places[0].free.map(|free| free - sent);
            if plans.iter().all(|steps| acts(steps).is_empty()) {
                return Ok(());
            }
        }
        prop_assert!(false, "six plans did not settle it");
    }
}
