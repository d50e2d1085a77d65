//! Journeys live in `tests/`.
