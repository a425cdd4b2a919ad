//! The administrative HTTP API, for operators and their programs.
//!
//! The server provides the API on a Unix socket that only its owner may open, and optionally over
//! TCP with a token. Either way gives full access. An embedder mounts [`Admin`] anywhere else.
//!
//! Responses are JSON, and an error is `{"error": "…"}`. A long operation responds with JSON lines:
//! any number of `{"progress": …}`, then one `{"done": …}` or `{"error": "…"}`.
//!
//! To add a route, write `async fn name(context: Arc<Context>, request: Request<Bytes>) ->
//! AdminResult` in a new file below `admin/`, and add a row to `ROUTES`. `answer::json` makes a
//! response, `lines::lines` one for a long operation; [`Client::ask`] and [`Client::follow`] read
//! them.

mod answer;
pub(crate) mod backup;
mod client;
mod config;
pub(crate) mod holds;
mod index;
mod lines;
mod listen;
mod metrics;
pub(crate) mod users;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_core::drive::Handle;
use futures::future::{BoxFuture, ready};
use http::header::{ALLOW, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

pub use answer::AdminBody;
use answer::{AdminRefusal, AdminResponse, AdminResult};
pub use client::{Client, ClientError};
pub use config::{AdminConfig, SocketConfig};
pub use listen::AdminError;
pub(crate) use listen::Listeners;

use crate::audit::{self, AuditLine, AuditTrail};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::server_store::ServerStore;

/// Most bytes of a request's body. Larger imports are split into several requests.
pub(crate) const BODY_MOST: usize = 1024 * 1024;

/// Deadline from the request's head to the head of its response.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The state that handlers work with.
pub(crate) struct Context {
    pub(crate) handle: Handle,
    pub(crate) store: ServerStore,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) audit: AuditTrail,
    /// The directory of the audit trail.
    pub(crate) data_dir: PathBuf,
    /// Start of the server.
    pub(crate) started: Instant,
}

impl Context {
    /// Notes an act of the administrator who sent this request.
    pub(crate) async fn note<T>(&self, request: &Request<T>, line: AuditLine<'static>) {
        let by = sender(request).to_owned();
        let (data_dir, line) = (self.data_dir.clone(), AuditLine { by: Some(by.into()), ..line });
        let _noted = spawn_blocking(move || audit::act(&data_dir, line)).await;
    }
}

/// Header with the name of the person behind `sudo`.
const OPERATOR: &str = "chat-operator";

/// The sender of a request, for the audit trail.
#[derive(Clone)]
struct Administrator(String);

/// The sender of a request in words.
fn sender<T>(request: &Request<T>) -> &str {
    request.extensions().get::<Administrator>().map_or("an embedder", |by| &by.0)
}

/// One row of the routing table.
struct Route {
    method: Method,
    path: &'static str,
    /// The purpose in one line, for `GET /`.
    about: &'static str,
    handler: fn(Arc<Context>, Request<Bytes>) -> BoxFuture<'static, AdminResult>,
}

impl Route {
    fn find(method: &Method, path: &str) -> Result<&'static Self, AdminRefusal> {
        let mut methods = Vec::new();
        for route in ROUTES.iter().filter(|route| route.path == path) {
            if route.method == *method {
                return Ok(route);
            }
            methods.push(route.method.as_str());
        }
        if methods.is_empty() {
            return Err(AdminRefusal::new(
                StatusCode::NOT_FOUND,
                "there is nothing here: GET / lists what there is",
            ));
        }
        let methods = methods.join(", ");
        let refusal = AdminRefusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("ask with {methods}"));
        Err(refusal
            .with(ALLOW, HeaderValue::from_str(&methods).expect("names of methods are a header value")))
    }
}

/// All routes.
static ROUTES: [Route; 13] = [
    Route {
        method: Method::GET,
        path: "/",
        about: "the version, the time since the start, and this list",
        handler: |context, _| Box::pin(ready(Ok(index::index(&context)))),
    },
    Route {
        method: Method::GET,
        path: "/metrics",
        about: "metrics for Prometheus",
        handler: |context, request| Box::pin(metrics::metrics(context, request)),
    },
    Route {
        method: Method::GET,
        path: "/livez",
        about: "whether the process lives, as at the public port, whatever that port does",
        handler: |context, request| Box::pin(ready(Ok(health(&context, &request)))),
    },
    Route {
        method: Method::GET,
        path: "/readyz",
        about: "whether clients should connect, and if not why, as at the public port",
        handler: |context, request| Box::pin(ready(Ok(health(&context, &request)))),
    },
    Route {
        method: Method::GET,
        path: "/users",
        about: "a page of the directory of users, by id; ?after=ID gives the next one",
        handler: |context, request| Box::pin(users::list(context, request)),
    },
    Route {
        method: Method::POST,
        path: "/users",
        about: "put users into the directory, one JSON object a line",
        handler: |context, request| Box::pin(users::import(context, request)),
    },
    Route {
        method: Method::POST,
        path: "/users/deactivate",
        about: "end a user's connections and its part in conversations, by {\"id\": \"…\"}",
        handler: |context, request| Box::pin(users::deactivate(context, request)),
    },
    Route {
        method: Method::POST,
        path: "/users/activate",
        about: "lift a user's deactivation, by {\"id\": \"…\"}",
        handler: |context, request| Box::pin(users::activate(context, request)),
    },
    Route {
        method: Method::GET,
        path: "/holds",
        about: "all holds, which retention and erasing obey",
        handler: |context, request| Box::pin(holds::list(context, request)),
    },
    Route {
        method: Method::POST,
        path: "/holds",
        about: "set a hold, by {\"user\": \"…\"} or {\"conversation\": \"…\"} with {\"why\": \"…\"}",
        handler: |context, request| Box::pin(holds::add(context, request)),
    },
    Route {
        method: Method::POST,
        path: "/holds/release",
        about: "end a hold, by {\"user\": \"…\"} or {\"conversation\": \"…\"}",
        handler: |context, request| Box::pin(holds::release(context, request)),
    },
    Route {
        method: Method::POST,
        path: "/erase",
        about: "erase the texts of a user for good, by {\"user\": \"…\", \"why\": \"…\"}",
        handler: |context, request| Box::pin(holds::erase(context, request)),
    },
    Route {
        method: Method::POST,
        path: "/backup",
        about: "take a backup: {\"to\": \"/a/directory/to/be/made\"}",
        handler: |context, request| Box::pin(ready(backup::backup(context, request))),
    },
];

/// The administrative API of one server, as a value that answers requests. Cheap to clone.
///
/// `Admin` does not authenticate. Mount it only where every client is an administrator.
#[derive(Clone)]
pub struct Admin {
    context: Arc<Context>,
}

impl Admin {
    pub(crate) fn new(
        handle: Handle,
        store: ServerStore,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        (audit, data_dir): (AuditTrail, PathBuf),
    ) -> Self {
        let started = Instant::now();
        Self { context: Arc::new(Context { handle, store, metrics, health, audit, data_dir, started }) }
    }

    /// Answers one request. Reads at most 1 MiB of the body.
    ///
    /// Must run within a tokio runtime. Dropping the response early tells a long operation to stop.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<AdminBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let late =
            |_| Err(AdminRefusal::new(StatusCode::SERVICE_UNAVAILABLE, "this takes too long, try again"));
        timeout(ANSWER_WITHIN, self.outcome(request))
            .await
            .unwrap_or_else(late)
            .unwrap_or_else(AdminResponse::from)
    }

    async fn outcome<B>(&self, request: Request<B>) -> AdminResult
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let route = Route::find(&head.method, head.uri.path())?;
        let body = Limited::new(body, BODY_MOST).collect().await.map_err(|error| unreadable(&*error))?;
        (route.handler)(self.context.clone(), Request::from_parts(head, body.to_bytes())).await
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// The response to `/livez` or `/readyz`.
fn health(context: &Context, request: &Request<Bytes>) -> AdminResponse {
    let answer = context.health.answer(request).expect("the routes are those of the health");
    answer.map(BodyExt::boxed_unsync)
}

fn unreadable(error: &(dyn std::error::Error + Send + Sync + 'static)) -> AdminRefusal {
    if error.is::<LengthLimitError>() {
        let text = format!("the body has more than {BODY_MOST} bytes: ask in several requests");
        return AdminRefusal::new(StatusCode::PAYLOAD_TOO_LARGE, text);
    }
    AdminRefusal::new(StatusCode::BAD_REQUEST, format!("can't read the body: {error}"))
}
