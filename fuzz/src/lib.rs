//! The fuzz targets, one module each. The programs in `fuzz_targets` only call them.

pub mod engine;
pub mod frame;
pub mod machine;
pub mod record;
pub mod token;
