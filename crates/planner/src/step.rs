//! What a plan consists of, and on which terms it is made.

use std::fmt;

/// Times, in seconds, and whether anything may be removed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Since 1970.
    pub now: u64,
    /// A copy that was read back within this time licenses the removal of another.
    pub fresh_s: u64,
    /// After so long the copies on a backend that is down count no longer.
    pub grace_s: u64,
    /// So long before a service drops a copy it is asked to keep it.
    pub ahead_s: u64,
    /// A catalog that was adopted or restored is not, until a person says so: nothing is removed.
    pub is_armed: bool,
}

impl Terms {
    /// A week of freshness, a day of grace, a week ahead.
    pub fn at(now: u64) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self { now, fresh_s: 7 * DAY, grace_s: DAY, ahead_s: 7 * DAY, is_armed: true }
    }
}

/// What is to be done, in this order. Copies are named by their place in [`Content::copies`](crate::Content::copies), backends by theirs among the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Bytes go to a backend that has no copy, or only a row; then they are read back, if that is asked.
    Copy {
        /// Where.
        to: usize,
        /// Whether a removal depends on it.
        read_back: bool,
    },
    /// What is missing or wrong of a copy is replaced from the others.
    Repair {
        /// Which copy.
        copy: usize,
        /// Whether a removal depends on it.
        read_back: bool,
    },
    /// A copy is read back.
    Verify {
        /// Which copy.
        copy: usize,
    },
    /// The service is asked to keep it longer.
    Renew {
        /// Which copy.
        copy: usize,
    },
    /// A copy goes.
    Remove {
        /// Which copy.
        copy: usize,
    },
    /// A row without bytes goes.
    Forget {
        /// Which copy.
        copy: usize,
    },
    /// Something has to happen first.
    Wait(Why),
    /// The wishes cannot be met as things stand.
    Unsatisfiable(Why),
}

impl Step {
    /// Whether something is to be done, rather than waited for or told.
    pub fn is_act(&self) -> bool {
        !matches!(self, Step::Wait(_) | Step::Unsatisfiable(_))
    }
}

/// A reason, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// What is the matter with a backend.
    Place(usize, &'static str),
    /// There are not so many failure domains.
    TooFewDomains,
    /// No copy can be read at present.
    NoneAnswers,
    /// There is no copy that could be read.
    Lost,
    /// A copy is on its way.
    UnderWay,
    /// A copy that should go is kept until enough others are proved.
    NotProved,
    /// Something is under legal hold.
    Hold,
    /// Nothing is removed before a person has armed the catalog.
    Unarmed,
}

impl Why {
    /// Which backend it is about, by its place.
    pub fn place(&self) -> Option<usize> {
        match self {
            Why::Place(place, _) => Some(*place),
            _ => None,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Place(_, why) => why,
            Why::TooFewDomains => "there are not so many failure domains",
            Why::NoneAnswers => "no backend that has it can be read at present",
            Why::Lost => "no copy is left that could be read",
            Why::UnderWay => "a copy is on its way",
            Why::NotProved => "it is kept until enough other copies are proved",
            Why::Hold => "it is under legal hold",
            Why::Unarmed => "nothing is removed before a person has armed the catalog (reconcile --release unarmed)",
        })
    }
}

/// How a content stands, before its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Every wish is met.
    Safe,
    /// Some wish is not met yet, and something can be done or waited for.
    Short,
    /// Some wish cannot be met.
    Unsatisfiable,
    /// No copy can be read any longer.
    Lost,
    /// Nobody wants it.
    Unwanted,
}

/// What becomes of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it stands now.
    pub standing: Standing,
    /// What is to be done.
    pub steps: Vec<Step>,
}
