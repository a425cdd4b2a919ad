//! Health checks for load balancers and supervisors: `/livez` and `/readyz`.

use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::watch;

use crate::http::HttpResponse;
use crate::server_store::ServerStore;
use crate::store::Fault;

/// The phase in a server's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    /// New clients are admitted.
    Serving,
    /// New clients are refused; connected ones are told to reconnect elsewhere, in batches.
    Draining,
    /// Every connection ends.
    Stopping,
}

/// The inputs of both checks.
pub(crate) struct Health {
    pub(crate) phase: watch::Receiver<Phase>,
    fault: Box<dyn Fn() -> Option<Fault> + Send + Sync>,
}

impl Health {
    /// The health of a server with this store.
    pub(crate) fn new(phase: watch::Receiver<Phase>, store: ServerStore) -> Self {
        Self::by(phase, move || store.fault())
    }

    /// Like [`new`](Self::new), with a function that reports a fault of the store.
    pub(crate) fn by(
        phase: watch::Receiver<Phase>,
        fault: impl Fn() -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self { phase, fault: Box::new(fault) }
    }

    /// Answers a health check. `None` for other requests.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Option<Box<HttpResponse>> {
        let (status, text) = match request.uri().path() {
            "/livez" => (StatusCode::OK, "alive"),
            "/readyz" => self.readiness(),
            _ => return None,
        };
        let is_question = matches!(*request.method(), Method::GET | Method::HEAD);
        let (status, text) = if is_question {
            (status, text)
        } else {
            (StatusCode::METHOD_NOT_ALLOWED, "ask with GET or HEAD")
        };
        let mut answer = Response::new(Full::from(format!("{text}\n")));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        if !is_question {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // A response occupies a newcomer's place. Closing frees the place.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        Some(Box::new(answer))
    }

    /// Whether clients should connect. The text reveals nothing about the machine.
    fn readiness(&self) -> (StatusCode, &'static str) {
        let not_ready = |why| (StatusCode::SERVICE_UNAVAILABLE, why);
        if *self.phase.borrow() != Phase::Serving {
            return not_ready("not ready: the server is stopping");
        }
        match (self.fault)() {
            None => (StatusCode::OK, "ready"),
            Some(Fault::DiskLow) => (
                StatusCode::OK,
                "ready, but the disk is almost full: only control, administration and emergencies may write",
            ),
            Some(Fault::DiskFull) => {
                not_ready("not ready: the disk is full: only retention and administration may write")
            }
            Some(Fault::DiskFullWithoutIndex) => {
                not_ready("not ready: the disk is full, and the index has yet to be built")
            }
            Some(Fault::Journal) => not_ready("not ready: the store can't be written"),
            Some(Fault::Index) => not_ready("not ready: the index is being built"),
            Some(Fault::Unreachable) => not_ready("not ready: the database can't be reached"),
            Some(Fault::Closed) => not_ready("not ready: the store is closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http_body_util::BodyExt as _;

    use super::*;

    fn ask(health: &Health, method: Method, path: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        let answer = *health.answer(&request).unwrap();
        let status = answer.status().as_u16();
        let body = futures::executor::block_on(answer.into_body().collect()).unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn it_is_ready_while_it_serves_and_the_store_is_well() {
        let (phase, seen) = watch::channel(Phase::Serving);
        let faults = Mutex::new(vec![
            Fault::Unreachable,
            Fault::Closed,
            Fault::Index,
            Fault::Journal,
            Fault::DiskFull,
            Fault::DiskLow,
        ]);
        let health = Health::by(seen, move || faults.lock().unwrap().pop());
        for (status, text) in [
            (
                200,
                "ready, but the disk is almost full: only control, administration and emergencies may write\n",
            ),
            (503, "not ready: the disk is full: only retention and administration may write\n"),
            (503, "not ready: the store can't be written\n"),
            (503, "not ready: the index is being built\n"),
            (503, "not ready: the store is closed\n"),
            (503, "not ready: the database can't be reached\n"),
            (200, "ready\n"),
        ] {
            assert_eq!(ask(&health, Method::GET, "/readyz"), (status, text.to_owned()));
        }
        for ending in [Phase::Draining, Phase::Stopping] {
            phase.send_replace(ending);
            let stopping = (503, "not ready: the server is stopping\n".to_owned());
            assert_eq!(ask(&health, Method::GET, "/readyz"), stopping);
            assert_eq!(ask(&health, Method::GET, "/livez"), (200, "alive\n".to_owned()));
        }
        assert_eq!(ask(&health, Method::POST, "/readyz").0, 405);
        assert!(health.answer(&Request::builder().uri("/livez/").body(()).unwrap()).is_none());
    }
}
