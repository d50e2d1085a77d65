//! Content as an archive of blocks (CARv1) and back: every block with the name it has, however it was cut.

mod archive;
mod export;
mod import;
mod source;
mod survey;
mod walk;

pub use archive::Archive;
pub use export::ExportedCar;
