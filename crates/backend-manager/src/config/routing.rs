//! The section `routing:` of a backend's file: what reading and keeping costs there, and when another copy is asked in its place.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most that a gigabyte may be said to cost.
const MAX_PRICE: f64 = 1e6;
/// In milliseconds.
const MAX_DELAY: u64 = 600_000;

/// Prices are in one currency for all backends, the user's; a gigabyte is 2^30 bytes. What is not said is expected by the type (`traits.cost`).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// What keeping a gigabyte costs in a month. 0 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_cost_per_gb: Option<f64>,
    /// What the service asks for reading a gigabyte. 0 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval_cost_per_gb: Option<f64>,
    /// What the way of a gigabyte to this machine costs. 0 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth_cost_per_gb: Option<f64>,
    /// Whether another copy may be asked when this backend keeps a reader waiting. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<bool>,
    /// After so many milliseconds without a byte, instead of what was measured of this backend. 1 to 600000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge_delay_ms: Option<u64>,
}

impl Routing {
    /// What reading a gigabyte costs, if any part of it is stated.
    pub fn read_price(&self) -> Option<f64> {
        let (retrieval, bandwidth) = (self.retrieval_cost_per_gb, self.bandwidth_cost_per_gb);
        retrieval.or(bandwidth)?;
        Some(retrieval.unwrap_or(0.0) + bandwidth.unwrap_or(0.0))
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The key that is wrong, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let prices = [
            ("storage_cost_per_gb", self.storage_cost_per_gb),
            ("retrieval_cost_per_gb", self.retrieval_cost_per_gb),
            ("bandwidth_cost_per_gb", self.bandwidth_cost_per_gb),
        ];
        for (key, price) in prices {
            if price.is_some_and(|price| !(0.0..=MAX_PRICE).contains(&price)) {
                return Err((key, format!("must be 0 to {MAX_PRICE}")));
            }
        }
        if self.hedge_delay_ms.is_some_and(|it| it == 0 || MAX_DELAY < it) {
            return Err(("hedge_delay_ms", format!("must be 1 to {MAX_DELAY}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_the_sum_of_what_is_stated() {
        let price = |retrieval, bandwidth| {
            Routing { retrieval_cost_per_gb: retrieval, bandwidth_cost_per_gb: bandwidth, ..Routing::default() }
                .read_price()
        };
        assert_eq!(
            (price(None, None), price(Some(0.5), None), price(Some(0.5), Some(0.25))),
            (None, Some(0.5), Some(0.75))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let key = |it: Routing| it.check().err().map(|(key, _)| key);
        assert_eq!(key(Routing::default()), None);
        assert_eq!(key(Routing { storage_cost_per_gb: Some(-1.0), ..Routing::default() }), Some("storage_cost_per_gb"));
        assert_eq!(
            key(Routing { retrieval_cost_per_gb: Some(f64::NAN), ..Routing::default() }),
            Some("retrieval_cost_per_gb")
        );
        assert_eq!(key(Routing { hedge_delay_ms: Some(0), ..Routing::default() }), Some("hedge_delay_ms"));
    }
}
