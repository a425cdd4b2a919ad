//! The log at an OpenTelemetry collector: one file per matter.
#![expect(unreachable_pub, reason = "a test program exports nothing")]

#[cfg(test)]
mod collector;
#[cfg(test)]
mod export;
#[cfg(test)]
#[path = "../end_to_end/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests from end to end")]
mod support;
