//! What an embedder asks on its own authority: no role and no rate apply, membership does.

use std::sync::Arc;

use super::Command;
use super::work::{Desk, Known, Outcome, Step, Stop};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::protocol::{Done, ErrorCode, Reply, Role, SendChatMessageReply, User};
use crate::store::{Account, AppendMessage, Change, Membership, Original, Query};

/// On whose behalf a command acts. Only the id counts: no rule of a command looks at the role.
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

pub(super) fn step(command: &Command, desk: &mut Desk<'_>) -> Outcome {
    match command {
        Command::Send { user, conversation, content, client_message_id } => {
            let step = send(conversation, content, client_message_id.as_ref(), desk)?;
            // Looked at last, so that nothing else is waited for between this and the commit.
            match &desk.known.account {
                None => Err(load_account(user)),
                Some(Some(account)) if !account.active => Err(ErrorCode::Deactivated.into()),
                Some(_) => Ok(step),
            }
        }
        Command::Enrol { conversation, user } => {
            known_account(user, desk)?;
            Ok(Step::Commit(Change::Enrol(membership(conversation, user, desk)?)))
        }
        Command::Withdraw { conversation, user } => {
            Ok(Step::Commit(Change::Withdraw(membership(conversation, user, desk)?)))
        }
        Command::Import(user) | Command::ImportInactive(user) => {
            let Some(known) = &desk.known.account else { return Err(load_account(&user.id)) };
            let active = matches!(command, Command::Import(_));
            Ok(put(Account::imported(known.as_ref(), user.clone(), active, desk.now.wall)))
        }
        Command::Deactivate(user) => {
            let Some(known) = &desk.known.account else { return Err(load_account(user)) };
            Ok(put(Account::deactivated(known.as_ref(), user, desk.now.wall)))
        }
        Command::Activate(user) => Ok(put(known_account(user, desk)?.activated(desk.now.wall))),
    }
}

/// What changes nothing is done, and stored no second time.
fn put(account: Option<Account>) -> Step {
    account.map_or(Step::Reply(Reply::Done(Done::default())), |account| {
        Step::Commit(Change::PutAccount(account))
    })
}

fn send(
    conversation: &ConversationId,
    content: &Arc<str>,
    client_message_id: Option<&ClientMessageId>,
    desk: &mut Desk<'_>,
) -> Outcome {
    Ok(Step::Commit(Change::AppendMessage(AppendMessage {
        permit: desk.may_take_part(conversation)?,
        nonce: desk.ids.nonce(),
        content: content.clone(),
        client_message_id: client_message_id.cloned(),
        at: desk.now.wall,
    })))
}

fn membership(conversation: &ConversationId, user: &UserId, desk: &Desk<'_>) -> Result<Membership, Stop> {
    match &desk.known.conversation {
        None => Err(Stop::Load(Query::Conversation(conversation.clone()))),
        Some(None) => Err(ErrorCode::ConversationNotFound.into()),
        Some(Some(Conversation { id, version, .. })) => {
            Ok(Membership { conversation: id.clone(), version: *version, user: user.clone() })
        }
    }
}

fn known_account<'a>(user: &UserId, desk: &Desk<'a>) -> Result<&'a Account, Stop> {
    let known: &'a Known = desk.known;
    match &known.account {
        None => Err(load_account(user)),
        Some(None) => Err(ErrorCode::UserNotFound.into()),
        Some(Some(account)) => Ok(account),
    }
}

fn load_account(user: &UserId) -> Stop {
    Stop::Load(Query::Account(user.clone()))
}

/// The answer to a send whose `client_message_id` was used before, unless that was for something else.
pub(super) fn repeat(command: &Command, original: &Original) -> Option<Reply> {
    let Command::Send { conversation, content, .. } = command else { return None };
    let Original::Message { conversation: first, id, seq, sent_at, content: stored } = original else {
        return None;
    };
    let same = first == conversation && stored.as_ref().is_none_or(|stored| stored == content);
    same.then(|| {
        let reply = SendChatMessageReply::new(first.clone(), id.clone(), *seq, *sent_at);
        Reply::SendChatMessage(reply)
    })
}
