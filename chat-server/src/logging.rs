//! The log: to standard error, and never a token or the text of a message, whatever the filter says.

use std::io::{self, IsTerminal as _};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt as _, ParseError, Targets, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
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
    let ansi = io::stderr().is_terminal();
    tracing_subscriber::registry().with(layer(filter, io::stderr, ansi)).init();
    Ok(())
}

fn layer<S, W>(filter: Targets, writer: W, ansi: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().with_writer(writer).with_ansi(ansi).with_filter(filter.and(filter_fn(may_speak)))
}

/// Dependencies may warn, and no more: what they tell beyond that holds addresses with tokens, and frames.
fn may_speak(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_own = ["chat_server", "chat_core"]
        .iter()
        .any(|own| target.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")));
    is_own || *metadata.level() <= Level::WARN
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{error, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn dependencies_warn_at_most_whatever_the_filter_says() {
        let log = Log::default();
        let writer = log.clone();
        let filter = "trace,hyper=trace,chat_server_x=trace".parse().unwrap();
        let registry = tracing_subscriber::registry().with(layer(filter, move || writer.clone(), false));
        tracing::subscriber::with_default(registry, || {
            for_each_target();
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let heard: Vec<_> = log.lines().filter_map(|line| line.split_whitespace().next_back()).collect();
        assert_eq!(heard, ["own", "core", "warned", "failed"]);
    }

    fn for_each_target() {
        trace!("own");
        trace!(target: "chat_core::engine", "core");
        trace!(target: "hyper::proto", "frame");
        trace!(target: "chat_server_x", "resembling");
        tracing::info!(target: "hyper", "told");
        warn!(target: "hyper", "warned");
        error!(target: "sled", "failed");
    }
}
