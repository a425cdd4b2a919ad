//! `/holds` and `/erase`: what is kept, and what is erased on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chat_core::id::UserId;
use chat_core::store::Position;
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::Context;
use super::answer::{AdminRefusal, AdminResult, json};
use super::lines::lines;
use crate::audit::AuditLine;
use crate::clock;
use crate::store::{EraseError, Erasure, Hold, HoldSubject, KeepingError};

/// Progress lines of one erasure, at most.
const STEPS: u64 = 200;

/// The body of `POST /holds`.
#[derive(Serialize, Deserialize)]
pub(crate) struct NewHold {
    #[serde(flatten)]
    pub(crate) subject: HoldSubject,
    pub(crate) why: String,
}

/// The body of `POST /erase`.
#[derive(Serialize, Deserialize)]
pub(crate) struct EraseRequest {
    pub(crate) user: UserId,
    pub(crate) why: String,
}

/// The progress of an erasure.
#[derive(Serialize, Deserialize)]
pub(crate) struct EraseProgress {
    /// The position of the journal reached.
    pub(crate) done: u64,
    /// The last position.
    pub(crate) of: u64,
}

/// The result of an erasure.
#[derive(Serialize, Deserialize)]
pub(crate) struct ErasedTexts {
    pub(crate) erased: u64,
}

/// `GET /holds`: all holds.
pub(super) async fn list(context: Arc<Context>, _: Request<Bytes>) -> AdminResult {
    Ok(json(&context.store.holds().await.map_err(|error| refused(&error))?))
}

/// `POST /holds`: adds a hold.
pub(super) async fn add(context: Arc<Context>, request: Request<Bytes>) -> AdminResult {
    let NewHold { subject, why } = body(&request)?;
    let hold = Hold { subject, by: super::sender(&request).to_owned(), why, at: clock::wall() };
    context.store.hold(hold.clone()).await.map_err(|error| refused(&error))?;
    info!(subject = %hold.subject, "an administrator set a hold");
    context.note(&request, line("hold", &hold.subject, &hold.why)).await;
    Ok(json(&hold))
}

/// `POST /holds/release`: ends a hold.
pub(super) async fn release(context: Arc<Context>, request: Request<Bytes>) -> AdminResult {
    let subject: HoldSubject = body(&request)?;
    context.store.release(subject.clone()).await.map_err(|error| match &error {
        EraseError::Keeping(error) => refused(error),
        EraseError::Step(_) => AdminRefusal::new(StatusCode::CONFLICT, error.to_string()),
    })?;
    info!(%subject, "an administrator ended a hold");
    context.note(&request, line("release", &subject, "")).await;
    Ok(json(&subject))
}

/// `POST /erase`: erases the texts of a user.
pub(super) async fn erase(context: Arc<Context>, request: Request<Bytes>) -> AdminResult {
    let EraseRequest { user, why } = body(&request)?;
    let by = super::sender(&request).to_owned();
    let subject = HoldSubject::User(user.clone());
    // Noted before it begins, because a text that is gone must never be gone without a note.
    context.note(&request, line("erase", &subject, &why)).await;
    let erasure = Erasure { user, by, why, at: clock::wall(), until: Position(0) };
    Ok(lines(async move |lines| {
        let told = AtomicU64::new(0);
        let go_on = move |done: u64, of: u64| {
            let step = done.saturating_mul(STEPS) / of.max(1);
            let is_news = told.swap(step, Ordering::Relaxed) != step;
            !is_news || lines.try_progress(&EraseProgress { done, of }).is_ok()
        };
        let erased = context.store.erase_user(erasure, go_on).await;
        match &erased {
            Ok(messages) => info!(messages, %subject, "an administrator erased the texts of a user"),
            Err(error) => warn!(%error, %subject, "an erasure did not end"),
        }
        erased.map(|erased| ErasedTexts { erased })
    }))
}

fn line(act: &'static str, subject: &HoldSubject, why: &str) -> AuditLine<'static> {
    let (user, conversation) = match subject {
        HoldSubject::User(user) => (Some(user.as_str().to_owned().into()), None),
        HoldSubject::Conversation(conversation) => (None, Some(conversation.as_str().to_owned().into())),
    };
    let detail = Some(why.to_owned().into()).filter(|_| !why.is_empty());
    AuditLine { act: Some(act.into()), user, conversation, detail, ..AuditLine::default() }
}

fn body<T: for<'a> Deserialize<'a>>(request: &Request<Bytes>) -> Result<T, AdminRefusal> {
    serde_json::from_slice(request.body())
        .map_err(|error| AdminRefusal::new(StatusCode::BAD_REQUEST, format!("can't read the body: {error}")))
}

fn refused(error: &KeepingError) -> AdminRefusal {
    let status = match error {
        KeepingError::Store(_) | KeepingError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        KeepingError::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        KeepingError::Why => StatusCode::BAD_REQUEST,
        KeepingError::Unknown(_) => StatusCode::NOT_FOUND,
        KeepingError::Held(_) | KeepingError::NotHeld(_) | KeepingError::TooMany | KeepingError::Busy => {
            StatusCode::CONFLICT
        }
    };
    AdminRefusal::new(status, error.to_string())
}
