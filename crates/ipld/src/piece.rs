//! Piece commitments: what Filecoin calls content by.
