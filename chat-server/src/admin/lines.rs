//! Responses to long operations: JSON lines with the progress, then one with the result.

use std::fmt::Display;
use std::future::Future;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::answer::{AdminResponse, answer};

/// Lines queued for the client. A full queue blocks the operation.
const LINES_MOST: usize = 16;

/// One line of the response.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProgressLine<P, D> {
    /// The progress until now.
    Progress(P),
    /// The result. Always the last line.
    Done(D),
    /// The failure. Always the last line.
    Error(String),
}

/// The sending half: a long operation reports its progress here.
#[derive(Clone)]
pub(super) struct Lines(mpsc::Sender<Bytes>);

/// The client is gone. An operation without other use can stop.
#[derive(Debug, thiserror::Error)]
#[error("the client is gone")]
pub(super) struct ClosedError;

impl Lines {
    /// Reports progress, waiting for room in the queue.
    #[cfg_attr(not(test), expect(dead_code, reason = "for what takes long without a thread of its own"))]
    pub(super) async fn progress(&self, progress: &impl Serialize) -> Result<(), ClosedError> {
        self.0.send(line(&ProgressLine::<_, ()>::Progress(progress))).await.map_err(|_| ClosedError)
    }

    /// Reports progress if the queue has room. Slow clients hear less.
    pub(super) fn try_progress(&self, progress: &impl Serialize) -> Result<(), ClosedError> {
        match self.0.try_send(line(&ProgressLine::<_, ()>::Progress(progress))) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(ClosedError),
        }
    }

    /// Like [`progress`](Self::progress), from a thread that may block.
    pub(super) fn blocking_progress(&self, progress: &impl Serialize) -> Result<(), ClosedError> {
        self.0.blocking_send(line(&ProgressLine::<_, ()>::Progress(progress))).map_err(|_| ClosedError)
    }
}

/// A response of JSON lines. `work` runs in a new task and reports progress while the response is
/// being sent.
pub(super) fn lines<W, D, E>(work: impl FnOnce(Lines) -> W) -> AdminResponse
where
    W: Future<Output = Result<D, E>> + Send + 'static,
    D: Serialize,
    E: Display,
{
    let (sender, mut receiver) = mpsc::channel(LINES_MOST);
    let work = work(Lines(sender.clone()));
    tokio::spawn(async move {
        let last = match work.await {
            Ok(done) => line(&ProgressLine::<(), _>::Done(done)),
            Err(error) => line(&ProgressLine::<(), ()>::Error(error.to_string())),
        };
        // The client may be gone.
        let _gone = sender.send(last).await;
    });
    let frames = stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(|line| Ok(Frame::data(line)));
    answer("application/x-ndjson", StreamBody::new(frames).boxed_unsync())
}

fn line(line: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(line).expect("answers have names for keys");
    text.push(b'\n');
    text.into()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::json;
    use tokio::task::spawn_blocking;

    use super::*;

    async fn text(answer: AdminResponse) -> String {
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_is_done_is_said_last() {
        let answer = lines(async |lines| {
            for group in 1..=100 {
                lines.progress(&json!({"groups": group})).await?;
            }
            Ok::<_, ClosedError>(json!({"position": 7}))
        });
        let said = text(answer).await;
        assert_eq!(said.lines().count(), 101, "as many as there are, however few may wait");
        assert!(said.starts_with("{\"progress\":{\"groups\":1}}\n"), "{said}");
        assert!(said.ends_with("\n{\"done\":{\"position\":7}}\n"), "{said}");
    }

    #[tokio::test]
    async fn what_fails_says_why() {
        assert_eq!(text(lines(async |_| Err::<(), _>("no space"))).await, "{\"error\":\"no space\"}\n");
    }

    #[tokio::test]
    async fn who_makes_it_hears_that_nobody_waits() {
        let (heard, is_heard) = tokio::sync::oneshot::channel();
        let answer = lines(async move |lines| {
            let made = spawn_blocking(move || while lines.blocking_progress(&1).is_ok() {});
            made.await.unwrap();
            heard.send(()).unwrap();
            Ok::<_, ClosedError>(())
        });
        drop(answer);
        is_heard.await.unwrap();
    }
}
