//! The catalog, held to its promises from outside. Each file is one promise.

mod arrows;
mod bed;
mod data;
mod groups;
mod intents;
mod kill;
mod licenses;
mod liveness;
mod open;
mod pages;
mod races;
mod walks;
