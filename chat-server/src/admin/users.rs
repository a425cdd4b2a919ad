//! `/users`: the directory of users.

use std::sync::Arc;

use bytes::Bytes;
use chat_core::drive::Handle;
use chat_core::engine::Command;
use chat_core::id::UserId;
use chat_core::protocol::{Error, ErrorCode};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::Context;
use super::answer::{AdminRefusal, AdminResult, json, parameter};
use crate::audit::AuditLine;
use crate::users::{self, ImportedUser};

/// Users per page of the list.
const PAGE: usize = 1_000;

/// Users imported concurrently. About the same number shares one sync.
const AT_ONCE: usize = 256;

/// A page of the directory.
#[derive(Serialize, Deserialize)]
pub(crate) struct UserPage {
    /// In the order of their ids.
    pub(crate) users: Vec<ImportedUser>,
    /// Whether another page may follow.
    pub(crate) more: bool,
}

/// The number of users imported.
#[derive(Serialize, Deserialize)]
pub(crate) struct Imported {
    pub(crate) imported: usize,
}

/// A user's id, as the body of a request.
#[derive(Serialize, Deserialize)]
pub(crate) struct UserRef {
    pub(crate) id: UserId,
}

/// `GET /users?after=ID`: a page of the directory.
pub(super) async fn list(context: Arc<Context>, request: Request<Bytes>) -> AdminResult {
    let after = parameter(&request, "after").map(|after| UserId::from(&*after));
    let accounts = context.store.accounts(after, PAGE).await?;
    let more = accounts.len() == PAGE;
    Ok(json(&UserPage { users: accounts.into_iter().map(ImportedUser::from).collect(), more }))
}

/// `POST /users`, one user per line. Imports nothing if any line is invalid.
pub(super) async fn import(context: Arc<Context>, request: Request<Bytes>) -> AdminResult {
    let users = users::read(&request.body()[..])
        .map_err(|error| AdminRefusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let imported = users.len();
    let imports = users.into_iter().map(|user| import_one(&context.handle, user));
    stream::iter(imports).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    info!(users = imported, "an administrator imported users");
    let detail = format!("{imported} users");
    let line = AuditLine { act: Some("import".into()), detail: Some(detail.into()), ..AuditLine::default() };
    context.note(&request, line).await;
    Ok(json(&Imported { imported }))
}

async fn import_one(
    handle: &Handle,
    ImportedUser { user, active }: ImportedUser,
) -> Result<(), AdminRefusal> {
    let command = if active { Command::Import(user) } else { Command::ImportInactive(user) };
    handle.command(command).await.map(drop).map_err(refused)
}

/// `POST /users/deactivate`: ends the user's connections with 4503, and their part in
/// conversations.
pub(super) async fn deactivate(context: Arc<Context>, request: Request<Bytes>) -> AdminResult {
    administer(&context, &request, "deactivate", Command::Deactivate).await
}

/// `POST /users/activate`: lifts a deactivation. Tokens issued from now on are accepted again.
pub(super) async fn activate(context: Arc<Context>, request: Request<Bytes>) -> AdminResult {
    administer(&context, &request, "activate", Command::Activate).await
}

async fn administer(
    context: &Context,
    request: &Request<Bytes>,
    act: &'static str,
    command: impl FnOnce(UserId) -> Command,
) -> AdminResult {
    let user: UserRef = serde_json::from_slice(request.body()).map_err(|error| {
        AdminRefusal::new(StatusCode::BAD_REQUEST, format!("the body is not {{\"id\": \"…\"}}: {error}"))
    })?;
    context.handle.command(command(user.id.clone())).await.map_err(refused)?;
    info!(user = user.id.as_str(), "an administrator {act}d a user");
    let id = user.id.as_str().to_owned();
    let line = AuditLine { act: Some(act.into()), user: Some(id.into()), ..AuditLine::default() };
    context.note(request, line).await;
    Ok(json(&user))
}

fn refused(error: Error) -> AdminRefusal {
    let status = match error.code {
        ErrorCode::UserNotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    AdminRefusal::new(status, error.text)
}
