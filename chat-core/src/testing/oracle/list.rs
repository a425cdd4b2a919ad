//! The rows of a list of conversations, and the walk from page to page by cursor.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::asked::Asked;
use super::part::{is_in_by_team, named, takes_part};
use super::reply::Grant;
use super::stored::place;
use super::{Oracle, PromiseError, must, positions};
use crate::conversation::{Conversation, Standing};
use crate::export::{Account, Export, ExportedConversation};
use crate::id::{MessageId, UserId};
use crate::limits::{Limits, PageLimits};
use crate::protocol::User;
use crate::time::Timestamp;

/// Up to this many messages after the read position, the count of unread ones is exact.
const COUNTED: u64 = 100;

/// The version and the last number of each conversation of a user at one time.
pub(super) type Stood = BTreeMap<String, (u64, u64)>;

/// Pages requested one after the other, each by the cursor of the page before.
pub(super) struct Walk {
    /// The user's conversations when the first page was asked for.
    began: Stood,
    seen: BTreeSet<String>,
}

/// The conversations that a user takes part in, as the store holds them now.
pub(super) fn standing(user: &str, store: &Export) -> Stood {
    let own = store.conversations.values().map(|stored| &stored.conversation);
    let account = store.accounts.get(user);
    let own = own.filter(|own| account.is_some_and(|stored| takes_part(&stored.account, own)));
    own.map(|own| (own.id.to_string(), (own.version, own.last_seq))).collect()
}

impl Oracle {
    /// P5: no row of others. P1: each row matches the store. P4: a walk leaves nothing out. P7: a
    /// page stays within its limits.
    pub(super) fn listed(&mut self, grant: Grant<'_>) -> Result<(), PromiseError> {
        let Grant { user, asked, frame, store, .. } = grant;
        let rows = frame["conversations"].as_array().map(Vec::as_slice).unwrap_or_default();
        is_bounded(rows, asked, &self.limits)?;
        for row in rows {
            let id = row["id"].as_str().unwrap_or_default();
            must(self.stored.was_in_since(id, user, asked.look), "P5", || {
                format!("{user} was shown {id}, which is not its")
            })?;
            self.row(row, user, asked, store)?;
            self.shows_work(row, asked)?;
            self.shows_emergency(row, asked)?;
            self.checked.rows += 1;
        }
        let found = rows.iter().map(|row| {
            let id = row["id"].as_str().unwrap_or_default();
            let last = row["last_message"]["id"].as_str().and_then(|id| MessageId::from(id).seq());
            self.stored.found_at(id, last.unwrap_or_default())
        });
        let found: Vec<_> = found.collect();
        if let Some(list) = asked.data["work"].as_str() {
            return self.listed_by_work(grant, list, rows);
        }
        must(found.iter().rev().is_sorted(), "P3", || {
            format!("a list is not in order of arrival: {found:?}")
        })?;
        match asked.conversation() {
            Some(id) => {
                must(rows.len() == 1 && rows[0]["id"] == id, "P1", || format!("{frame} is the row of {id}"))
            }
            None => self.walked(grant),
        }
    }

    /// P1: a row, whole or brief, matches the store.
    fn row(&self, row: &Value, user: &str, asked: &Asked, store: &Export) -> Result<(), PromiseError> {
        let wrong = || PromiseError {
            promise: "P1",
            what: format!("{user} was shown {row}, and that is not stored"),
        };
        let stored = store.conversations.get(row["id"].as_str().unwrap_or_default()).ok_or_else(wrong)?;
        let pages = asked.is_brief().then_some(&self.limits.pages);
        let stood = asked.stood.get(stored.conversation.id.as_str()).map(|(version, _)| *version);
        let is_same =
            stood == Some(stored.conversation.version) && self.stored.rights_are_known_since(asked.look);
        let account = store.accounts.get(user).filter(|_| is_same).map(|stored| &stored.account);
        let holds = shows_conversation(row, stored)
            && shows_last_message(row, stored, pages)
            && shows_position(row, stored, user, account)
            && positions::are_stored(row, stored)
            && row["participant_count"].is_null() != asked.is_brief()
            && (!is_same || shows_all_participants(row, stored, store, pages));
        if holds { Ok(()) } else { Err(wrong()) }
    }

    /// P4: from the first page to the last, each conversation comes once, unless its user's part in
    /// it or its last message has changed meanwhile.
    fn walked(&mut self, grant: Grant<'_>) -> Result<(), PromiseError> {
        let Grant { conn, user, asked, frame, store } = grant;
        let Some(link) = self.links.get_mut(&conn) else { return Ok(()) };
        let walk = match asked.data["cursor"].as_str() {
            Some(cursor) => link.walks.remove(cursor),
            None if asked.data["skip"].is_null() => {
                Some(Walk { began: asked.stood.clone(), seen: BTreeSet::new() })
            }
            None => None,
        };
        let Some(mut walk) = walk else { return Ok(()) };
        for row in frame["conversations"].as_array().into_iter().flatten() {
            let id = row["id"].as_str().unwrap_or_default();
            must(walk.seen.insert(id.to_owned()), "P4", || {
                format!("{user} was shown {id} twice in one walk")
            })?;
        }
        if let Some(next) = frame["next_cursor"].as_str() {
            link.walks.insert(next.to_owned(), walk);
            return Ok(());
        }
        self.checked.walks += u64::from(asked.data["cursor"].is_string());
        link.shown = Some(walk.seen.clone());
        must(frame["has_more"].is_null(), "P4", || {
            format!("{user} is told of more, and not where: {frame}")
        })?;
        let since = active_since(frame, &self.limits);
        let now = standing(user, store);
        let mut stayed = walk.began.iter().filter(|(id, stood)| now.get(*id) == Some(*stood));
        let missing = stayed.find(|(id, _)| {
            let stored = &store.conversations[id.as_str()].conversation;
            Some(stored.last_message_at) > since && !walk.seen.contains(*id)
        });
        must(missing.is_none(), "P4", || format!("{user} has walked its list, and {missing:?} was left out"))
    }
}

/// P7: the bounds of one page.
fn is_bounded(rows: &[Value], asked: &Asked, limits: &Limits) -> Result<(), PromiseError> {
    let pages = &limits.pages;
    let most = if asked.is_brief() {
        pages.conversations.min(pages.brief_conversations)
    } else {
        pages.conversations
    };
    must(rows.len() <= most as usize, "P7", || format!("{} in one list", rows.len()))?;
    let bytes: usize = rows.iter().map(|row| row.to_string().len() + 1).sum();
    let fits = !asked.is_brief() || rows.len() == 1 || bytes <= pages.brief_bytes;
    must(fits, "P7", || format!("{bytes} bytes in one brief list"))
}

/// A conversation is active if its last message is later than this.
pub(super) fn active_since(frame: &Value, limits: &Limits) -> Option<Timestamp> {
    let now: Timestamp = serde_json::from_value(frame["timestamp"].clone()).ok()?;
    Some(now.minus(limits.periods.inactive_after))
}

/// The row shows the fields of the conversation that never change.
fn shows_conversation(row: &Value, stored: &ExportedConversation) -> bool {
    let conversation = &stored.conversation;
    row["title"] == *conversation.title
        && row["created_by"] == conversation.created_by.as_str()
        && row["room_type"] == conversation.room_type.as_str()
}

/// The newest message of a user up to the number that the row calls its last.
fn shows_last_message(row: &Value, stored: &ExportedConversation, brief: Option<&PageLimits>) -> bool {
    let last = row["last_seq"].as_u64().and_then(|seq| stored.messages.get(..=place(seq)));
    let last = last.and_then(|up_to| up_to.iter().rev().find(|message| !message.is_entry()));
    last.is_some_and(|last| {
        let most = brief.map_or(usize::MAX, |limits| limits.brief_content);
        let content: String = last.content.chars().take(most).collect();
        let (shown, sent_at) = (&row["last_message"], last.sent_at.to_string());
        shown["id"] == last.id.as_str()
            && shown["sender_id"] == last.sender_id.as_str()
            && shown["content"] == content
            && (shown["cut"] == true) == (content.len() < last.content.len())
            && shown["sent_at"] == sent_at
            && row["last_message_at"] == sent_at
    })
}

/// The read position is at most the current one, and the count of unread messages fits the
/// position. `account` is the user's, if neither rights nor members have changed since the request:
/// then messages from before the user joined the team do not count.
fn shows_position(row: &Value, stored: &ExportedConversation, user: &str, account: Option<&Account>) -> bool {
    let read = row["read_up_to"].as_u64().unwrap_or_default();
    let last = row["last_seq"].as_u64().unwrap_or_default();
    let now = stored.read_up_to.get(user).copied().unwrap_or_default();
    let after =
        stored.messages.iter().filter(|message| message.seq > Some(read) && message.seq <= Some(last));
    let others = after.filter(|message| message.sender_id.as_str() != user && !message.is_entry());
    let begins = account.and_then(|account| counts_from(account, &stored.conversation));
    let unread = others.filter(|message| begins.is_none_or(|at| message.sent_at >= at)).count() as u64;
    let fits = match account {
        Some(_) => row["unread_count"] == unread,
        None => row["unread_count"].as_u64() <= Some(unread),
    };
    read <= now && (last - read.min(last) > COUNTED || fits)
}

/// The time from which messages count as unread, if not from the beginning.
fn counts_from(account: &Account, conversation: &Conversation) -> Option<Timestamp> {
    let teams = conversation.participation.teams.iter().filter(|team| account.teams.contains(team));
    let joined: Option<Vec<_>> = teams.map(|team| account.joined.get(team).copied()).collect();
    joined.filter(|_| is_in_by_team(account, conversation))?.into_iter().min()
}

/// For a conversation with the same participants since the request: a whole row shows all of them
/// that have an account. A brief row counts them, and shows the sender of the last message and the
/// first members. The creator comes before them, as a member or by team.
fn shows_all_participants(
    row: &Value,
    stored: &ExportedConversation,
    store: &Export,
    brief: Option<&PageLimits>,
) -> bool {
    let shown: BTreeSet<_> = participants(row).into_iter().map(|user| user.id).collect();
    let conversation = &stored.conversation;
    let all = named(store, conversation);
    let Some(limits) = brief else {
        return shown.iter().eq(all.iter().filter(|id| store.accounts.contains_key(*id)));
    };
    let sender = UserId::from(row["last_message"]["sender_id"].as_str().unwrap_or_default());
    let is_member = |id: &UserId| {
        *id == conversation.created_by || conversation.participation.members.standing(id) != Standing::Unnamed
    };
    let creator = all.get(&conversation.created_by).filter(|_| limits.brief_participants > 0);
    let assignee = row["work"]["assignee"].as_str();
    let is_shown = |id: &UserId| *id == sender || assignee == Some(id.as_str());
    let members = shown.iter().filter(|id| !is_shown(id)).count();
    row["participant_count"] == all.len()
        && shown.contains(&sender)
        && creator.is_none_or(|creator| shown.contains(creator))
        && members <= limits.brief_participants
        && assignee.is_none_or(|assignee| shown.contains(assignee))
        && shown.iter().all(|id| is_shown(id) || is_member(id) && all.contains(id))
}

fn participants(row: &Value) -> Vec<User> {
    serde_json::from_value(row["participants"].clone()).unwrap_or_default()
}
