//! The log at an OpenTelemetry collector: one file per matter.

mod collector;
mod export;
