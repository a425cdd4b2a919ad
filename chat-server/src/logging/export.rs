//! Log export to an OpenTelemetry collector: OTLP log records, in protobuf over HTTP.

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

/// Records queued for the collector. Further ones are dropped instead of delaying the server;
/// standard error has them all.
const QUEUE: usize = 2_048;

/// Time for the queue to be sent when the server stops.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// The service name of OpenTelemetry for unnamed services.
const UNNAMED: &str = "unknown_service";

/// Settings of the export.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExportConfig {
    /// OpenTelemetry collector to export the log to, by OTLP over HTTP, at /v1/logs below this URL;
    /// OpenTelemetry's environment variables for headers, service name and attributes apply.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// File with the certificate authorities (PEM) to trust for the collector [default: those that
    /// Mozilla trusts].
    #[arg(long, env = "OTEL_EXPORTER_OTLP_CERTIFICATE", value_name = "FILE")]
    otlp_ca_file: Option<PathBuf>,
}

/// The reason that the export can't be configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogExportError {
    #[error("--otlp-endpoint can't be used: {0}")]
    Target(#[from] TargetError),
    #[error("the log can't be exported: {0}")]
    Exporter(#[from] ExporterBuildError),
}

impl ExportConfig {
    /// Starts the export, if a collector is configured. Requests run on `runtime`, which must
    /// outlive the exporter.
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

    /// The collector's URL, if configured.
    ///
    /// # Errors
    ///
    /// [`LogExportError`].
    pub(crate) fn target(&self) -> Result<Option<(String, Target)>, LogExportError> {
        // OpenTelemetry treats an empty variable as unset.
        let Some(endpoint) = self.otlp_endpoint.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let address = format!("{}/v1/logs", endpoint.trim_end_matches('/'));
        let target = Target::read(&address, self.otlp_ca_file.as_deref(), PlainHttp::Anywhere)?;
        Ok(Some((address, target)))
    }
}

/// The resource attributes that identify this service.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&Key::from_static_str("service.name"));
    let name = name.filter(|name| !name.as_str().starts_with(UNNAMED));
    Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_service_name(name.unwrap_or_else(|| env!("CARGO_PKG_NAME").into()))
        .build()
}

/// The running export. Dropping sends the queue, for at most [`FLUSH_WITHIN`].
pub(crate) struct Exporter {
    provider: SdkLoggerProvider,
}

impl Exporter {
    /// A layer that exports the records passed by a filter.
    pub(crate) fn layer(&self, filter: &Targets) -> BoxedLayer {
        let_through(filter, OpenTelemetryTracingBridge::new(&self.provider))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // An unreachable collector has been logged already.
        let _away = self.provider.shutdown_with_timeout(FLUSH_WITHIN);
    }
}

/// The collector, as the exporter's thread sees it.
struct Collector {
    target: Arc<Target>,
    runtime: Handle,
    /// Whether the last request failed.
    is_lost: AtomicBool,
}

impl Collector {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let target = self.target.clone();
        // The exporter's thread does not belong to the runtime.
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

    /// Reports when the collector becomes unreachable or reachable, to standard error only: records
    /// of the exporter's own thread are not exported.
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
