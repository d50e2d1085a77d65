//! Replicas: which copy of which content is on which backend, and how well that is known.
//!
//! A row lives by arrows. Each arrow is one function and one conditional statement, `UPDATE … WHERE state IN (…) AND epoch = ?`, that raises the epoch:
//! of two that want to move the same row, one wins and the other is told [`Moved::Lost`]. The bytes move outside; the row is there before them
//! ([`intend`]) and has their evidence after them ([`stored`]).
//!
//! | arrow | from | to |
//! |---|---|---|
//! | [`plan`] | no row | planned |
//! | [`adopt`] | no row | present |
//! | [`intend`] | no row, planned, missing, corrupt, lingering (name seen free), uploading by the dead or by nobody | uploading |
//! | [`resume`] | accepted | uploading |
//! | [`stored`] | uploading, accepted | present |
//! | [`accepted`] | uploading, accepted | accepted |
//! | [`postpone`] | uploading | planned, or what it was before |
//! | [`abandon`] | planned, uploading | no row, or what it was before |
//! | [`unknown`] | uploading | uploading by nobody |
//! | [`verified`] | present, suspect | present |
//! | [`checked`] | present, suspect without bad chunks | present |
//! | [`suspect`] | present | suspect |
//! | [`missing`] | suspect | missing |
//! | [`corrupt`] | suspect, corrupt | corrupt |
//! | [`found`] | missing | suspect |
//! | [`forget`] | missing | no row |
//! | [`begin_remove`] | present, suspect, missing, corrupt, accepted, as the [`License`] allows | removing |
//! | [`removed`] | removing, lingering | no row, or lingering |

mod arrows;
mod count;
mod find;
mod intend;
mod remove;
mod row;

pub use arrows::{
    Accepted, Checked, Stored, accepted, checked, corrupt, found, missing, resume, sidecar, stored, suspect, unknown,
    verified,
};
pub use count::counts;
pub use find::{
    Claimable, StateCursor, claimable, count, due, ending, find, of, page, page_of_backend, page_of_state, to_scrub,
    under,
};
pub use intend::{Found, Intended, Intent, Planned, Seen, adopt, holder, intend, not_overwritten, plan};
pub use remove::{License, Spare, abandon, begin_remove, forget, leave_removal, postpone, removed, take_removal};
pub use row::{BadChunk, Epoch, Moved, ReplicaAt, ReplicaId, ReplicaRow, ReplicaState, Sidecar};
