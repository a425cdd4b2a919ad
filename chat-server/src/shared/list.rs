//! The conversations of a user, newest activity first.

use std::collections::{BTreeMap, HashMap};

use chat_core::conversation::Conversation;
use chat_core::id::{ConversationId, UserId};
use chat_core::permission::takes_part;
use chat_core::protocol::{Message, User};
use chat_core::store::{
    Account, ConversationPage, ConversationRow, INACTIVE_MOST, Position, UNREAD_MOST, UNREAD_WINDOW,
    UnavailableError,
};
use chat_core::time::Timestamp;

use super::loads::{DatabaseSnapshot, key};
use super::readings::Readings;
use super::rows::{self, ACCOUNT, CONVERSATION, MESSAGE};
use super::write::{block, of_team, of_user, signed};

/// Fewest and most conversations to read at once. All of a block come together.
const STEP: std::ops::RangeInclusive<usize> = 32..=1_024;

/// The bounds of a page.
pub(super) struct ListQuery {
    pub(super) since: Timestamp,
    pub(super) below: Option<Position>,
    pub(super) skip: u64,
    pub(super) limit: u32,
    pub(super) members: usize,
}

pub(super) type ListedConversation = (Conversation, Position);

/// A page of a user's conversations.
pub(super) async fn page(
    snapshot: &DatabaseSnapshot<'_>,
    user: &UserId,
    query: ListQuery,
) -> Result<ConversationPage, UnavailableError> {
    let Some(known) = snapshot.account(user).await? else { return Ok(ConversationPage::default()) };
    let limit = query.limit as usize;
    let (skip, members) = (usize::try_from(query.skip).unwrap_or(usize::MAX), query.members);
    let wanted = skip.saturating_add(limit).saturating_add(1);
    let mut listed = listed(snapshot, &known.account, query, wanted).await?;
    listed.drain(..skip.min(listed.len()));
    let (fitting, more) = cut(listed, limit, members);
    page_of(snapshot, &known.account, fitting, more).await
}

/// The first conversations that fit a page, at least one, and whether there are more.
pub(super) fn cut(
    listed: Vec<ListedConversation>,
    limit: usize,
    members: usize,
) -> (Vec<ListedConversation>, bool) {
    let (mut fitting, mut room) = (Vec::new(), members);
    let mut listed = listed.into_iter().peekable();
    let count = |(conversation, _): &ListedConversation| conversation.participation.members.len();
    while fitting.len() < limit
        && let Some(next) = listed.next_if(|next| fitting.is_empty() || count(next) <= room)
    {
        room = room.saturating_sub(count(&next));
        fitting.push(next);
    }
    let more = listed.peek().is_some();
    (fitting, more)
}

/// One conversation as a row of the user's list.
pub(super) async fn row(
    snapshot: &DatabaseSnapshot<'_>,
    user: &UserId,
    conversation: &ConversationId,
) -> Result<ConversationPage, UnavailableError> {
    let (Some(known), Some(found)) =
        (snapshot.account(user).await?, snapshot.conversation(conversation).await?)
    else {
        return Ok(ConversationPage::default());
    };
    let own = takes_part(&known.account, &found.0.participation).then_some(found);
    page_of(snapshot, &known.account, own.into_iter().collect(), false).await
}

/// The first active conversations of a user, as many as wanted.
async fn listed(
    snapshot: &DatabaseSnapshot<'_>,
    account: &Account,
    ListQuery { since, below, .. }: ListQuery,
    wanted: usize,
) -> Result<Vec<ListedConversation>, UnavailableError> {
    let owners = owners(account);
    let mut listed: Vec<ListedConversation> = Vec::new();
    let mut inactive = 0;
    let mut from = below.map_or(i64::MAX, block);
    while listed.len() < wanted && inactive <= INACTIVE_MOST {
        let most = (wanted - listed.len()).clamp(*STEP.start(), *STEP.end());
        let found = step(snapshot, &owners, from, most).await?;
        let last = found.last().map(|(_, position)| block(*position));
        let is_end = found.len() < most;
        let own = found.into_iter().filter(|(conversation, position)| {
            below.is_none_or(|below| *position < below) && takes_part(account, &conversation.participation)
        });
        for (conversation, position) in own {
            if conversation.last_message_at > since {
                inactive = 0;
                listed.push((conversation, position));
            } else {
                inactive += 1;
            }
        }
        match last {
            Some(last) if !is_end => from = last - 1,
            Some(_) | None => break,
        }
    }
    Ok(listed)
}

/// The keys of a user's conversations: the user by name, and each of the user's teams.
fn owners(account: &Account) -> Vec<Vec<u8>> {
    let teams = account.teams.iter().map(|team| of_team(team.as_str()));
    [of_user(account.user.id.as_str())].into_iter().chain(teams).collect()
}

/// The next conversations of these owners from a block downwards, newest first: `most`, and all
/// others in the block of the last.
async fn step(
    snapshot: &DatabaseSnapshot<'_>,
    owners: &[Vec<u8>],
    from: i64,
    most: usize,
) -> Result<Vec<ListedConversation>, UnavailableError> {
    let statement = format!(
        "SELECT {CONVERSATION} FROM (\
           SELECT DISTINCT a.conversation, a.block FROM unnest($1::bytea[]) AS o (owner) \
           CROSS JOIN LATERAL (\
             SELECT conversation, block FROM chat.activity \
             WHERE owner = o.owner AND block <= $2 ORDER BY block DESC FETCH FIRST ($3) ROWS WITH TIES) a \
           ORDER BY a.block DESC FETCH FIRST ($3) ROWS WITH TIES) k \
         JOIN chat.conversation c ON c.id = k.conversation ORDER BY c.position DESC"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found = snapshot.query(&statement, &[&owners, &from, &most]).await?;
    found.iter().map(rows::conversation).collect()
}

/// The page with these conversations.
pub(super) async fn page_of(
    snapshot: &DatabaseSnapshot<'_>,
    account: &Account,
    listed: Vec<ListedConversation>,
    more: bool,
) -> Result<ConversationPage, UnavailableError> {
    if listed.is_empty() {
        return Ok(ConversationPage { more, ..ConversationPage::default() });
    }
    let mut newest = newest_messages(snapshot, &listed).await?;
    let user = &account.user.id;
    let conversations =
        listed.iter().map(|(conversation, _)| (&conversation.id, &conversation.participation));
    let readings = Readings::of(snapshot, Some(user), conversations).await?;
    let unread = unread_counts(snapshot, account, &listed, &readings).await?;
    let rows = listed.into_iter().zip(unread).map(|((conversation, position), unread_count)| {
        let id = &conversation.id;
        let last_message =
            newest.remove(id).ok_or_else(|| UnavailableError::new("a newest message is missing"))?;
        let read_up_to = readings.position(id, user);
        let positions = readings.positions(id, &conversation.participation);
        Ok(ConversationRow { conversation, position, last_message, read_up_to, positions, unread_count })
    });
    let rows = rows.collect::<Result<Vec<_>, UnavailableError>>()?;
    let users = users(snapshot, &rows).await?;
    Ok(ConversationPage { rows, users, more })
}

fn ids(listed: &[ListedConversation]) -> Vec<&[u8]> {
    listed.iter().map(|(conversation, _)| key(conversation.id.as_str())).collect()
}

async fn newest_messages(
    snapshot: &DatabaseSnapshot<'_>,
    listed: &[ListedConversation],
) -> Result<HashMap<ConversationId, Message>, UnavailableError> {
    let last: Vec<_> = listed.iter().map(|(conversation, _)| signed(conversation.last_text_seq)).collect();
    let found = snapshot.query(&newest(), &[&ids(listed), &last]).await?;
    let messages = found.iter().map(|row| {
        let message = rows::message(row)?;
        Ok((message.conversation_id.clone(), message))
    });
    messages.collect()
}

/// The number of unread messages in each conversation.
async fn unread_counts(
    snapshot: &DatabaseSnapshot<'_>,
    account: &Account,
    listed: &[ListedConversation],
    readings: &Readings,
) -> Result<Vec<u32>, UnavailableError> {
    let after = listed.iter().map(|(conversation, _)| {
        let read = readings.position(&conversation.id, &account.user.id);
        signed(conversation.last_seq.saturating_sub(UNREAD_WINDOW).max(read))
    });
    let since = listed.iter().map(|(conversation, _)| {
        account.unread_since(&conversation.participation).map_or(i64::MIN, Timestamp::as_millis)
    });
    let (after, since): (Vec<_>, Vec<_>) = (after.collect(), since.collect());
    let user = key(account.user.id.as_str());
    let found =
        snapshot.query(UNREAD, &[&ids(listed), &after, &since, &user, &i64::from(UNREAD_MOST)]).await?;
    found.iter().map(|row| Ok(u32::try_from(rows::number(row, 0)?).unwrap_or(UNREAD_MOST))).collect()
}

/// The data of all members and senders.
async fn users(
    snapshot: &DatabaseSnapshot<'_>,
    listed: &[ConversationRow],
) -> Result<BTreeMap<UserId, User>, UnavailableError> {
    let named = listed.iter().flat_map(|row| {
        let members = row.conversation.participation.members.iter().map(|(user, _)| user);
        members.chain([&row.last_message.sender_id]).chain(&row.conversation.work.assignee)
    });
    let named: Vec<_> = named.map(|user| key(user.as_str())).collect();
    let statement = format!("SELECT {ACCOUNT} FROM chat.account a WHERE a.id = ANY($1)");
    let found = snapshot.query(&statement, &[&named]).await?;
    let users = found.iter().map(|row| {
        let known = rows::account(row)?;
        Ok((known.user().id.clone(), known.user().clone()))
    });
    users.collect()
}

/// The statement for messages by conversation and number.
pub(super) fn newest() -> String {
    format!(
        "SELECT {MESSAGE} FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS k (conversation, seq, place) \
         JOIN chat.record r ON r.conversation = k.conversation AND r.seq = k.seq ORDER BY k.place"
    )
}

const UNREAD: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM chat.record r \
      WHERE r.conversation = k.conversation AND r.seq > k.after AND r.sent_at >= k.since AND r.author <> $4 AND NOT r.is_entry \
      LIMIT $5) AS counted) \
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (conversation, after, since, place) \
    ORDER BY k.place";
