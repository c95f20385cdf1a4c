//! skeleton
pub mod picture;
