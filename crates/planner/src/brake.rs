//! When a plan as a whole is too large to be believed: a clock that jumped, a disk that is not mounted, a folder that is another one.

/// From when on a plan stops and asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The part of one backend's copies that may be missing.
    pub missing: f64,
    /// The part of all contents of which something may be removed.
    pub removed: f64,
    /// So few never stop a plan: one of ten is no catastrophe.
    pub few: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { missing: 0.05, removed: 0.01, few: 16 }
    }
}

/// Why a plan stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brake {
    /// So many of a backend's copies are missing.
    Missing {
        /// Which backend.
        place: usize,
        /// How many are.
        n: u64,
        /// Of how many.
        of: u64,
    },
    /// Of so many contents something would be removed.
    Removals {
        /// How many.
        n: u64,
        /// Of how many.
        of: u64,
    },
}

/// What was counted while planning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Contents that were planned.
    pub contents: u64,
    /// Those of which something is to be removed.
    pub removals: u64,
    /// Copies on each backend, and how many of them are missing.
    pub copies: Vec<(u64, u64)>,
}

impl Totals {
    /// Whether the plan stops, and why.
    pub fn brakes(&self, limits: &Limits) -> Vec<Brake> {
        let is_much = |n: u64, of: u64, part: f64| limits.few < n && of as f64 * part < n as f64;
        let missing = self.copies.iter().enumerate().filter(|(_, (of, n))| is_much(*n, *of, limits.missing));
        let mut brakes: Vec<Brake> = missing.map(|(place, (of, n))| Brake::Missing { place, n: *n, of: *of }).collect();
        if is_much(self.removals, self.contents, limits.removed) {
            brakes.push(Brake::Removals { n: self.removals, of: self.contents });
        }
        brakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(removals: u64, missing: u64, wanted: &[Brake]) {
        let totals = Totals { contents: 10_000, removals, copies: vec![(10_000, 0), (1000, missing)] };
        assert_eq!(totals.brakes(&Limits::default()), wanted);
    }

    #[test]
    fn a_plan_that_is_too_large_stops() {
        check(100, 50, &[]);
        check(101, 50, &[Brake::Removals { n: 101, of: 10_000 }]);
        check(0, 51, &[Brake::Missing { place: 1, n: 51, of: 1000 }]);
        let few = Totals { contents: 16, removals: 16, copies: vec![(16, 16)] };
        assert_eq!(few.brakes(&Limits::default()), []);
    }
}
