use super::*;
use crate::verdict::Reason;

const REJECT: Verdict = Verdict::Reject(Reason::Constraint);

fn isolating(constraints_immediate: bool) -> Approach {
    Approach::Isolate {
        constraints_immediate,
    }
}

fn approaches() -> [Approach; 3] {
    [Approach::Whole, isolating(false), isolating(true)]
}

#[test]
fn a_refusal_makes_the_next_attempt_look_closer_until_there_is_no_closer_look() {
    for (approach, reaction) in [
        (Approach::Whole, Reaction::TryAs(isolating(false))),
        (isolating(false), Reaction::TryAs(isolating(true))),
        (isolating(true), Reaction::WaitForChange),
    ] {
        assert_eq!(reaction_to(REJECT, approach), reaction, "{approach:?}");
    }
}

#[test]
fn a_missing_parent_is_waited_for_once_the_order_within_the_batch_is_right() {
    let first = reaction_to(Verdict::Early, Approach::Whole);
    assert_eq!(first, Reaction::TryAs(Approach::ISOLATE));
    for approach in approaches().into_iter().skip(1) {
        let reaction = reaction_to(Verdict::Early, approach);
        assert_eq!(reaction, Reaction::WaitForParents, "{approach:?}");
    }
}

#[test]
fn what_is_not_about_an_event_is_waited_for_however_the_batch_is_tried() {
    for approach in approaches() {
        for (verdict, reaction) in [
            (Verdict::Retry, Reaction::RetrySoon),
            (Verdict::Locked, Reaction::WaitForLock),
            (Verdict::TooMuch, Reaction::Split),
            (Verdict::Systemic, Reaction::WaitForRepair),
            (Verdict::Unavailable, Reaction::WaitForServer),
        ] {
            assert_eq!(reaction_to(verdict, approach), reaction, "{approach:?}");
        }
    }
}

#[test]
fn no_approach_goes_back_to_an_earlier_one() {
    for approach in approaches() {
        let immediate = approach.with_constraints_immediate();
        assert!(immediate.looks_for_culprits() && immediate.has_constraints_immediate());
    }
}
