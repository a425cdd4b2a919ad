//! Commands of the embedder. No role and no rate applies, but membership does.

use std::sync::Arc;

use super::Command;
use super::pending_request::{Blocked, HandlerContext, HandlerResult, LoadedFacts, Step};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::protocol::{Done, Error, ErrorCode, Reply, Role, User, check};
use crate::store::{Account, AppendMessage, Change, Membership, PutAccount, Query, StoredAccount};

/// The user on whose behalf a command acts. Only the id counts, because no rule of a command looks
/// at the role.
pub(super) fn acting_user(command: &Command) -> User {
    match command {
        Command::Send { user, .. }
        | Command::Enrol { user, .. }
        | Command::Withdraw { user, .. }
        | Command::Deactivate(user)
        | Command::Activate(user) => User::new(user.clone(), Role::ControlStaff),
        Command::Import(user) | Command::ImportInactive(user) => user.clone(),
    }
}

pub(super) fn step(command: &Command, cx: &mut HandlerContext<'_>) -> HandlerResult {
    match command {
        Command::Send { user, conversation, content, client_message_id } => {
            check::text("content", content, cx.limits.fields.content)?;
            check::client_message_id(client_message_id.as_ref(), &cx.limits.fields)?;
            let facts: &LoadedFacts = cx.facts;
            match &facts.account {
                None => Err(load_account(user)),
                Some(Some(known)) if !known.account.active => Err(ErrorCode::Deactivated.into()),
                Some(Some(known)) => send(known, conversation, content, client_message_id.as_ref(), cx),
                Some(None) => Err(ErrorCode::ConversationNotFound.into()),
            }
        }
        Command::Enrol { conversation, user } => {
            known_account(user, cx)?;
            Ok(Step::Commit(Change::Enrol(membership(conversation, user, cx)?)))
        }
        Command::Withdraw { conversation, user } => {
            Ok(Step::Commit(Change::Withdraw(membership(conversation, user, cx)?)))
        }
        Command::Import(user) | Command::ImportInactive(user) => {
            let invalid = |error| Error::with_detail(ErrorCode::InvalidParameter, error);
            user.check().map_err(invalid)?;
            let Some(known) = &cx.facts.account else { return Err(load_account(&user.id)) };
            let active = matches!(command, Command::Import(_));
            let put = |known: Option<&Account>| Account::imported(known, user.clone(), active, cx.now.wall);
            Ok(replace(known.as_ref(), put, cx))
        }
        Command::Deactivate(user) => {
            let Some(known) = &cx.facts.account else { return Err(load_account(user)) };
            Ok(replace(known.as_ref(), |known| Account::deactivated(known, user, cx.now.wall), cx))
        }
        Command::Activate(user) => {
            let known = known_account(user, cx)?;
            Ok(replace(Some(known), |known| known?.activated(cx.now.wall), cx))
        }
    }
}

/// Commits the account that a rule makes of the known one, with its teams. An unchanged account is
/// answered as done and not stored again.
fn replace(
    known: Option<&StoredAccount>,
    rule: impl FnOnce(Option<&Account>) -> Option<Account>,
    cx: &HandlerContext<'_>,
) -> Step {
    let (account, at) = (known.map(|known| &known.account), cx.now.wall);
    let changed = match rule(account) {
        Some(account) => Some(cx.teams.file(account, at)),
        None => account.and_then(|account| cx.teams.file_anew(account, at)),
    };
    let replaces = known.map(|known| known.position);
    changed.map_or(Step::Reply(Reply::Done(Done::default())), |account| {
        Step::Commit(Change::PutAccount(PutAccount { account, replaces }))
    })
}

fn send(
    known: &StoredAccount,
    conversation: &ConversationId,
    content: &Arc<str>,
    client_message_id: Option<&ClientMessageId>,
    cx: &mut HandlerContext<'_>,
) -> HandlerResult {
    Ok(Step::Commit(Change::AppendMessage(AppendMessage {
        permit: cx.may_take_part_as(known, conversation)?,
        nonce: cx.ids.nonce(),
        content: content.clone(),
        is_press: false,
        order: None,
        client_message_id: client_message_id.cloned(),
        at: cx.now.wall,
    })))
}

fn membership(
    conversation: &ConversationId,
    user: &UserId,
    cx: &HandlerContext<'_>,
) -> Result<Membership, Blocked> {
    match &cx.facts.conversation {
        None => Err(Blocked::OnLoad(Query::Conversation(conversation.clone()))),
        Some(None) => Err(ErrorCode::ConversationNotFound.into()),
        Some(Some(Conversation { id, .. })) if id.is_notes() => Err(ErrorCode::ConversationNotFound.into()),
        Some(Some(Conversation { id, version, .. })) => {
            Ok(Membership { conversation: id.clone(), version: *version, user: user.clone() })
        }
    }
}

fn known_account<'a>(user: &UserId, cx: &HandlerContext<'a>) -> Result<&'a StoredAccount, Blocked> {
    let facts: &'a LoadedFacts = cx.facts;
    match &facts.account {
        None => Err(load_account(user)),
        Some(None) => Err(ErrorCode::UserNotFound.into()),
        Some(Some(known)) => Ok(known),
    }
}

fn load_account(user: &UserId) -> Blocked {
    Blocked::OnLoad(Query::Account(user.clone()))
}
