//! CARv1 and CARv2: content-addressed archives.
