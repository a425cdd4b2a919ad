//! The log: to standard error, and never a token or the text of a message, whatever the filter says.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{FilterExt as _, ParseError, Targets, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Begins to log what the filter lets through: a level, or `target=level` with commas between.
///
/// Records of the `log` crate are not collected at all: the WebSocket library writes whole frames there.
///
/// # Errors
///
/// If the filter can't be read.
pub(crate) fn start(filter: &str) -> Result<(), ParseError> {
    let filter: Targets = filter.parse()?;
    tracing_subscriber::registry().with(layer(filter)).init();
    Ok(())
}

fn layer<S>(filter: Targets) -> impl tracing_subscriber::Layer<S>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let ansi = std::io::stderr().is_terminal();
    fmt::layer().with_writer(std::io::stderr).with_ansi(ansi).with_filter(filter.and(filter_fn(may_speak)))
}

/// Dependencies may warn, and no more: what they tell beyond that holds addresses with tokens, and frames.
fn may_speak(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_own = ["chat_server", "chat_core"]
        .iter()
        .any(|own| target.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")));
    is_own || *metadata.level() <= Level::WARN
}
