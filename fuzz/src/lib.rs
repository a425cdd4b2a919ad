//! What the fuzz targets do with their bytes: one module each, so that the targets themselves are one line.

pub mod engine;
pub mod frame;
pub mod machine;
pub mod record;
pub mod token;
