//! `new-backend`.
