//! `chat-server serve`: the server itself.

use std::future::pending;
use std::io::{self, Write as _};
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use futures::FutureExt as _;
use sd_notify::NotifyState;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use super::CliResult;
use crate::config::Config;
#[cfg(feature = "otel")]
use crate::logging::ExportConfig;
use crate::logging::{self, LogFormat, LogQueue};
use crate::server::Server;
use crate::start_error::EngineError;
use crate::version::ProgramVersions;

/// Time for the runtime's remaining tasks at exit.
const ABANDON_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) config: Config,
    /// Log filter: a level, or target=level pairs separated by commas.
    #[arg(long, env = "CHAT_LOG", default_value = "info", value_name = "FILTER")]
    pub(super) log: String,
    /// Format of the log: one line of text, or of JSON, per record.
    #[arg(long, env = "CHAT_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
    /// Export of the log, beside standard error.
    #[cfg(feature = "otel")]
    #[command(flatten)]
    pub(super) export: ExportConfig,
}

/// Runs the server until a signal stops the process.
pub(super) fn serve(args: &ServeArgs) -> CliResult {
    let filter = logging::read(&args.log)?;
    let runtime = runtime()?;
    let queue = LogQueue::start(io::stderr())?;
    let layers = vec![logging::standard_error(&filter, args.log_format, queue.clone())];
    #[cfg(feature = "otel")]
    let exporter = args.export.start(runtime.handle())?;
    #[cfg(feature = "otel")]
    let layers = layers.into_iter().chain(exporter.as_ref().map(|to| to.layer(&filter))).collect();
    logging::start(layers);
    info!(version = %ProgramVersions, "starting");
    let outcome = runtime.block_on(run(args));
    // Flushing the log still needs the runtime.
    #[cfg(feature = "otel")]
    drop(exporter);
    runtime.shutdown_timeout(ABANDON_WITHIN);
    queue.flush();
    outcome
}

/// Creates a runtime with one worker fewer than there are cores, because the store's own threads
/// are as busy as a worker. With a worker per core, both compete for cores: on two cores, a message
/// cost a tenth more.
fn runtime() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads(cores.saturating_sub(1).max(1)).enable_all().build()
}

async fn run(args: &ServeArgs) -> CliResult {
    let mut hangup = signal(SignalKind::hangup())?;
    let signals = count_signals()?;
    let told = async |times| {
        // The sender counts for as long as the process lives.
        let _ = signals.clone().wait_for(|count| *count >= times).await;
    };
    let mut config = args.config.clone();
    let mut is_first = true;
    loop {
        // Opening the store may take long. After an interruption, the next start continues.
        let server = tokio::select! {
            server = Server::bind(&config) => server?,
            () = told(1) => return Ok(()),
        };
        if std::mem::take(&mut is_first) {
            // One write, because a parent process may read one line and then close the pipe.
            io::stdout().write_all(whereabouts(&server).as_bytes())?;
            io::stdout().flush()?;
        }
        tell_systemd(NotifyState::Ready);
        // The same port again, if there is another engine.
        config.listen = server.address().to_string();
        let told_to_stop = told(1).inspect(|()| tell_systemd(NotifyState::Stopping));
        let reload = server.reload();
        let reloading = async {
            while hangup.recv().await.is_some() {
                reload.now();
            }
            pending().await
        };
        let ended = tokio::select! {
            ended = server.run(told_to_stop) => ended,
            never = reloading => never,
            () = told(2) => {
                warn!("told to stop again: ending at once");
                return Ok(());
            }
        };
        match ended {
            Err(EngineError::OtherHistory) => {
                warn!("the database has another history than before: clients load everything anew");
            }
            ended => return Ok(ended?),
        }
    }
}

/// Counts SIGTERM and SIGINT. The first one asks for a stop, the second one for an end at once.
fn count_signals() -> io::Result<watch::Receiver<u32>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (counted, count) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            counted.send_modify(|count| *count += 1);
        }
    });
    Ok(count)
}

/// Notifies systemd, if the service has `Type=notify`.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "can't notify systemd of the service's state");
    }
}

/// The addresses of the server, one per line.
fn whereabouts(server: &Server) -> String {
    let websocket = format!("listening on {}\n", server.url());
    #[cfg(feature = "console")]
    let websocket = format!("{websocket}console on {}\n", server.console_url());
    websocket
}
