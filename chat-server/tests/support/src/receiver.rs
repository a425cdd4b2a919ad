//! A receiver of the webhook.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Patience for an awaited event. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// How late an answer is that comes all the same.
const LATE: Duration = Duration::from_millis(300);

const KEY: &[u8] = b"a key of the webhook, as long as it takes";

/// A receiver's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WebhookAnswer {
    Status(u16),
    /// Accepted, with a late answer.
    Late,
    /// Nothing, for longer than anybody waits.
    Nothing,
}

/// A call of the webhook.
#[derive(Debug)]
pub struct Heard {
    pub id: String,
    pub path: String,
    pub body: Value,
    /// The body as it came.
    pub text: String,
    pub answered: WebhookAnswer,
}

struct State {
    answers: VecDeque<WebhookAnswer>,
    /// For conversations that are answered in a way of their own.
    of_conversations: BTreeMap<String, WebhookAnswer>,
    otherwise: WebhookAnswer,
    heard: mpsc::UnboundedSender<Heard>,
}

/// A receiver, listening until dropped.
pub struct Receiver {
    pub address: SocketAddr,
    scheme: &'static str,
    state: Arc<Mutex<State>>,
    heard: mpsc::UnboundedReceiver<Heard>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// One that takes all, on a free port.
    pub async fn start() -> Self {
        Self::start_on(([127, 0, 0, 1], 0).into(), None).await
    }

    /// One on this address, with TLS if that is given.
    pub async fn start_on(address: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = mpsc::unbounded_channel();
        let answers = VecDeque::new();
        let (of_conversations, otherwise) = (BTreeMap::new(), WebhookAnswer::Status(204));
        let state = State { answers, of_conversations, otherwise, heard: sender };
        let state = Arc::new(Mutex::new(state));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let task = tokio::spawn(accept(listener, tls, state.clone()));
        Self { address, scheme, state, heard, task }
    }

    /// The flags of a server with this receiver and a secret in this directory.
    pub fn flags(&self, dir: &Path) -> Vec<String> {
        let secret = dir.join("webhook-secret");
        std::fs::write(&secret, format!("whsec_{}\n", BASE64_STANDARD.encode(KEY))).unwrap();
        let url = format!("{}://{}/hook", self.scheme, self.address);
        ["--webhook-url", &url, "--webhook-secret-file", secret.to_str().unwrap()].map(str::to_owned).to_vec()
    }

    /// Answers the next requests so.
    pub fn answer(&self, answers: impl IntoIterator<Item = WebhookAnswer>) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    /// Answers whatever is told of this conversation so.
    pub fn answer_of(&self, conversation: &str, answer: WebhookAnswer) {
        self.state.lock().unwrap().of_conversations.insert(conversation.to_owned(), answer);
    }

    /// Answers all others so.
    pub fn answer_otherwise(&self, answer: WebhookAnswer) {
        self.state.lock().unwrap().otherwise = answer;
    }

    /// The next thing that is told.
    pub async fn next(&mut self) -> Heard {
        timeout(PATIENCE, self.heard.recv()).await.expect("something must be told").unwrap()
    }

    /// Takes all calls that have come.
    pub fn rest(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, &state).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, &state).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) {
    let service = service_fn(async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        assert_eq!(header("webhook-signature"), signature(&id, &timestamp, &body), "the signature is good");
        let answered = {
            let mut state = state.lock().unwrap();
            let (text, path) = (String::from_utf8(body.to_vec()).unwrap(), head.uri.path().to_owned());
            let parsed: Value = serde_json::from_str(&text).unwrap();
            let conversation = parsed["data"]["conversation_id"].as_str().unwrap();
            let own = state.of_conversations.get(conversation).copied();
            let answered = own.or_else(|| state.answers.pop_front()).unwrap_or(state.otherwise);
            // A test may have ended.
            let _ended = state.heard.send(Heard { id, path, body: parsed, text, answered });
            answered
        };
        let status = match answered {
            WebhookAnswer::Status(status) => StatusCode::from_u16(status).unwrap(),
            WebhookAnswer::Late => {
                sleep(LATE).await;
                StatusCode::NO_CONTENT
            }
            WebhookAnswer::Nothing => std::future::pending().await,
        };
        let answer = Response::builder().status(status).header("location", "/elsewhere");
        Ok::<_, Infallible>(answer.body(Full::<Bytes>::default()).unwrap())
    });
    // A caller that has waited long enough hangs up.
    let _hung_up = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn signature(id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}
