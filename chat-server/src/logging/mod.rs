//! The log: to standard error, and free of tokens and message texts, whatever the filter.

#[cfg(feature = "otel")]
mod export;
mod queue;

use std::any::Any;
use std::backtrace::Backtrace;
use std::borrow::Cow;
use std::io::{self, IsTerminal as _};
use std::net::IpAddr;
use std::panic;

use chat_core::engine::Handled;
use chat_core::id::{ClientMessageId, ConversationId};
use chat_core::protocol::RequestId;
#[cfg(feature = "otel")]
pub(crate) use export::ExportConfig;
pub(crate) use queue::{LogQueue, dropped};
use tracing::{Level, Metadata, debug, enabled, error};
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, ParseError, Targets, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

/// A destination of log records.
pub(crate) type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The format of a log record: one line each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object, with the record's own fields beside `timestamp`, `level`, `target` and
    /// `message`.
    Json,
}

/// Installs the layers, and a hook that logs panics.
///
/// Records of the `log` crate are not collected: the WebSocket library logs whole frames.
pub(crate) fn start(layers: Vec<BoxedLayer>) {
    tracing_subscriber::registry().with(layers).init();
    panic::set_hook(Box::new(|info| {
        let backtrace = Backtrace::capture();
        error!(at = info.location().map(tracing::field::display), %backtrace, "panic: {}", safe_text(info.payload()));
    }));
}

/// A layer that writes to standard error through this queue.
pub(crate) fn standard_error(filter: &Targets, format: LogFormat, queue: LogQueue) -> BoxedLayer {
    layer(filter, format, queue, io::stderr().is_terminal())
}

/// Parses a filter: a level, or `target=level` pairs separated by commas.
///
/// # Errors
///
/// [`FilterError`].
pub(crate) fn read(filter: &str) -> Result<Targets, FilterError> {
    let unread = |error| FilterError::Unreadable { filter: filter.to_owned(), error };
    let targets = filter.parse().map_err(unread)?;
    // The library takes an unknown word for a target, which silences everything else.
    let mut words = filter.split(',').map(str::trim).filter(|part| !part.contains('='));
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    match words.find(|word| !is_level(word)) {
        Some(word) => Err(FilterError::NoLevel(word.to_owned())),
        None => Ok(targets),
    }
}

/// An invalid filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilterError {
    /// The syntax is wrong.
    #[error("can't read the log filter {filter:?}: {error}")]
    Unreadable { filter: String, error: ParseError },
    /// A word that is no level.
    #[error(
        "the log filter has no level {0:?}: give off, error, warn, info, debug or trace, or target=level"
    )]
    NoLevel(String),
}

/// The message of a panic if its text is a literal. A formatted message may quote a client's text,
/// such as the one about slicing a string within a character.
fn safe_text(payload: &dyn Any) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(message hidden, because it may quote a user)")
}

fn layer<W>(filter: &Targets, format: LogFormat, writer: W, ansi: bool) -> BoxedLayer
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(ansi).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let_through(filter, layer)
}

/// Applies the filter, and [`may_speak`].
fn let_through(filter: &Targets, layer: impl Layer<Registry> + Send + Sync) -> BoxedLayer {
    layer.with_filter(filter.clone().and(filter_fn(may_speak))).boxed()
}

/// Logs an answered request: user, address, event, connection, ids and outcome.
pub(crate) fn handled(handled: &Handled, address: impl FnOnce() -> Option<IpAddr>) {
    if !enabled!(Level::DEBUG) {
        return;
    }
    let Handled { conn, user, event, request_id, ids, message, is_repeat, code } = handled;
    debug!(
        connection = conn.0,
        user = user.as_str(),
        address = address().map(tracing::field::display),
        request = event.map_or("none", |event| event.as_str()),
        request_id = request_id.as_ref().map(name).as_deref(),
        conversation_id = ids.conversation.as_ref().map(ConversationId::as_str),
        message_id = message.as_ref().map(|(id, _)| id.as_str()),
        client_message_id = ids.client_message_id.as_ref().map(ClientMessageId::as_str),
        repeat = is_repeat,
        outcome = code.map_or("ok", |code| code.as_str()),
        "request answered"
    );
}

fn name(id: &RequestId) -> Cow<'_, str> {
    match id {
        RequestId::Number(number) => number.to_string().into(),
        RequestId::Text(text) => Cow::Borrowed(text),
    }
}

/// Limits dependencies to warnings. Their other records contain frames, and addresses with tokens.
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

    use chat_core::engine::ConnectionId;
    use chat_core::protocol::{ErrorCode, EventType, RequestIds};
    use tracing::{trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct CapturedLog(Arc<Mutex<Vec<u8>>>);

    impl io::Write for CapturedLog {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn dependencies_warn_at_most_whatever_the_filter_says() {
        let log = CapturedLog::default();
        let writer = log.clone();
        let filter = "trace,hyper=trace,chat_server_x=trace".parse().unwrap();
        let registry = tracing_subscriber::registry().with(layer(
            &filter,
            LogFormat::Text,
            move || writer.clone(),
            false,
        ));
        tracing::subscriber::with_default(registry, || {
            for_each_target();
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let heard: Vec<_> = log.lines().filter_map(|line| line.split_whitespace().next_back()).collect();
        assert_eq!(heard, ["own", "core", "warned", "failed"]);
    }

    #[test]
    fn a_record_is_one_line_whatever_names_clients_choose() {
        let names = "a\nb\u{1b}[2J";
        let told = Handled {
            conn: ConnectionId(7),
            user: names.into(),
            event: Some(EventType::SendChatMessage),
            request_id: Some(RequestId::Text(names.into())),
            ids: RequestIds { client_message_id: Some(names.into()), ..RequestIds::default() },
            message: None,
            is_repeat: false,
            code: Some(ErrorCode::Forbidden),
        };
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = CapturedLog::default();
            let writer = log.clone();
            let filter = read("debug").unwrap();
            let layer = layer(&filter, format, move || writer.clone(), false);
            let registry = tracing_subscriber::registry().with(layer);
            tracing::subscriber::with_default(registry, || handled(&told, || None));
            let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
            assert_eq!(log.lines().count(), 1, "{log:?}");
            assert!(!log.contains('\u{1b}'), "{log:?}");
            for word in ["7", "send_chat_message", "forbidden", "request answered"] {
                assert!(log.contains(word), "{word}: {log:?}");
            }
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_by_name() {
        for good in ["info", "WARN", "off", "info,chat_core=debug", "chat_server::store=trace"] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in ["", "warning", "info,chat_core", "verbose", " "] {
            assert!(matches!(read(bad), Err(FilterError::NoLevel(_))), "{bad:?}");
        }
        assert!(matches!(read("a=b=c"), Err(FilterError::Unreadable { .. })));
    }

    #[test]
    fn a_panic_quotes_no_client() {
        let text = String::from("é, said the client");
        let quoting = panic::catch_unwind(|| text[..1].len()).unwrap_err();
        assert!(quoting.downcast_ref::<String>().is_some_and(|said| said.contains("said the client")));
        assert!(!safe_text(&*quoting).contains("client"));
        let literal = panic::catch_unwind(|| panic!("the invariant")).unwrap_err();
        assert_eq!(safe_text(&*literal), "the invariant");
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
