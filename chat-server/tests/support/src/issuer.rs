//! An issuer of tokens with its own keys, published in a file or over HTTPS.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_core::protocol::User;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::program::now;
use super::tls::Authority;

/// A key (ES256) with its name.
pub struct IssuerKey {
    pub name: String,
    pair: KeyPair,
}

impl IssuerKey {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), pair: KeyPair::generate().unwrap() }
    }

    /// The public half, as published.
    pub fn public(&self) -> Value {
        let point = self.pair.der_bytes();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.name, "x": x, "y": y})
    }

    /// A token that names the key.
    pub fn token(&self, user: &User) -> String {
        self.token_naming(Some(&self.name), user)
    }

    /// A token that names this key or none.
    pub fn token_naming(&self, name: Option<&str>, user: &User) -> String {
        let header = Header { kid: name.map(ToOwned::to_owned), ..Header::new(Algorithm::ES256) };
        let exp = now().plus(Duration::from_hours(1)).as_millis() / 1000;
        let claims = json!({"sub": user.id.as_str(), "role": user.role.as_str(), "exp": exp});
        encode(&header, &claims, &EncodingKey::from_ec_der(self.pair.serialized_der())).unwrap()
    }
}

/// The document that publishes these keys.
pub fn key_set(keys: &[&IssuerKey]) -> String {
    json!({"keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>()}).to_string()
}

/// The answer of an HTTPS server to every request; `None` for silence.
type SharedAnswer = Arc<Mutex<Option<String>>>;

/// An HTTPS server with one document.
pub struct Publisher {
    pub url: String,
    answer: SharedAnswer,
    asked: Arc<AtomicUsize>,
}

impl Publisher {
    /// One with a certificate of this authority.
    pub async fn start(authority: &Authority, document: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/keys?v=1", listener.local_addr().unwrap().port());
        let (answer, asked) = (SharedAnswer::default(), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(serve(listener, authority.acceptor(), answer.clone(), asked.clone()));
        let publisher = Self { url, answer, asked };
        publisher.publish(document);
        publisher
    }

    /// Answers with this document from now on.
    pub fn publish(&self, document: &str) {
        let length = document.len();
        self.answer(Some(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{document}")));
    }

    /// Answers this, or nothing at all.
    pub fn answer(&self, answer: Option<String>) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The number of requests.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, answer: SharedAnswer, asked: Arc<AtomicUsize>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // A client without trust in the certificate closes.
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let (answer, asked) = (answer.clone(), asked.clone());
        tokio::spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap_or_default() == 0 {
                    return;
                }
            }
            assert!(request.starts_with(b"GET /keys?v=1 HTTP/1.1\r\n"));
            asked.fetch_add(1, Ordering::Relaxed);
            let text = answer.lock().unwrap().clone();
            match text {
                // The client may have closed after the answer.
                Some(text) => drop(stream.write_all(text.as_bytes()).await),
                None => drop(stream.read_to_end(&mut request).await),
            }
            let _gone = stream.shutdown().await;
        });
    }
}
