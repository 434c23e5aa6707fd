//! The simulated world of SisyphusDB.

pub mod disk;
pub mod draw;
pub mod net;
pub mod plan;
