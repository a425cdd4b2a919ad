//! The log for an OpenTelemetry collector: each record as a log record of OTLP, in protobuf over HTTP.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use opentelemetry::{Key, KeyValue};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, Protocol, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider};
use tokio::runtime::Handle;
use tracing::{info, warn};
use tracing_subscriber::filter::Targets;

use super::{BoxedLayer, let_through};
use crate::http_client::{PlainHttp, RequestError, Target, TargetError};

/// Records that wait for the collector. One more is dropped: nobody waits for it, and it is on standard error.
const QUEUE: usize = 2_048;

/// How long the server's stop may take for what the collector has not got yet.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// What a service is called that nobody has named.
const UNNAMED: &str = "unknown_service";

/// Who gets the log besides standard error.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExportConfig {
    /// OpenTelemetry collector that gets the log too, by OTLP over HTTP, at /v1/logs of this address; the variables of
    /// OpenTelemetry for headers, the service's name and attributes count.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// File with the authorities (PEM) that the collector's certificate may come from [default: those of Mozilla].
    #[arg(long, env = "OTEL_EXPORTER_OTLP_CERTIFICATE", value_name = "FILE")]
    otlp_ca_file: Option<PathBuf>,
}

/// Why the log can't be exported as it is configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogExportError {
    #[error("--otlp-endpoint can't be used: {0}")]
    Target(#[from] TargetError),
    #[error("the log can't be exported: {0}")]
    Exporter(#[from] ExporterBuildError),
}

impl ExportConfig {
    /// Begins to export, if there is a collector. Requests are made on this runtime, which must outlive the exporter.
    ///
    /// # Errors
    ///
    /// [`LogExportError`].
    pub(crate) fn start(&self, runtime: &Handle) -> Result<Option<Exporter>, LogExportError> {
        let Some((address, target)) = self.target()? else { return Ok(None) };
        let collector = Collector { target: target.into(), runtime: runtime.clone(), is_lost: false.into() };
        let exporter = LogExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(address)
            .with_http_client(collector)
            .build()?;
        let queue = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
        let processor = BatchLogProcessor::builder(exporter).with_batch_config(queue).build();
        let provider =
            SdkLoggerProvider::builder().with_resource(resource()).with_log_processor(processor).build();
        Ok(Some(Exporter { provider }))
    }

    /// Where the log goes, if it goes anywhere.
    ///
    /// # Errors
    ///
    /// [`LogExportError`].
    pub(crate) fn target(&self) -> Result<Option<(String, Target)>, LogExportError> {
        // To OpenTelemetry an empty variable is none.
        let Some(endpoint) = self.otlp_endpoint.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let address = format!("{}/v1/logs", endpoint.trim_end_matches('/'));
        let target = Target::read(&address, self.otlp_ca_file.as_deref(), PlainHttp::Anywhere)?;
        Ok(Some((address, target)))
    }
}

/// Which service this is.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&Key::from_static_str("service.name"));
    let name = name.filter(|name| !name.as_str().starts_with(UNNAMED));
    Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_service_name(name.unwrap_or_else(|| env!("CARGO_PKG_NAME").into()))
        .build()
}

/// The export. When it is dropped, what waits is sent within [`FLUSH_WITHIN`], or never.
pub(crate) struct Exporter {
    provider: SdkLoggerProvider,
}

impl Exporter {
    /// What takes the records that this filter lets through.
    pub(crate) fn layer(&self, filter: &Targets) -> BoxedLayer {
        let_through(filter, OpenTelemetryTracingBridge::new(&self.provider))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // A collector that is away was told of in the log.
        let _away = self.provider.shutdown_with_timeout(FLUSH_WITHIN);
    }
}

/// The collector, to the exporter's thread.
struct Collector {
    target: Arc<Target>,
    runtime: Handle,
    /// Whether it did not take the last that it was sent.
    is_lost: AtomicBool,
}

impl Collector {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let target = self.target.clone();
        // The exporter's thread is none of the runtime's.
        let posting = self.runtime.spawn(async move {
            let (head, body) = request.into_parts();
            let headers = head.headers.iter();
            let headers: Vec<_> =
                headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
            target.post(&headers, body).await
        });
        let posted = posting.await?;
        self.tell(posted.as_ref().err());
        let status = match posted {
            Ok(()) => StatusCode::OK,
            Err(RequestError::Status(status)) => status,
            Err(error) => return Err(error.into()),
        };
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }

    /// Tells when the collector goes away and when it comes back: on standard error, for nothing is exported of what the
    /// exporter's own thread logs.
    fn tell(&self, error: Option<&RequestError>) {
        let was_lost = self.is_lost.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) if !was_lost => {
                warn!(%error, "the collector does not take the log, which is not kept for it");
            }
            None if was_lost => info!("the collector takes the log again"),
            _ => {}
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> BoxFuture<'async_trait, Result<Response<Bytes>, HttpError>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.send(request))
    }
}
