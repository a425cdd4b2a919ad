//! The lines of a history: the audit trail and the journal, each entry once.

use std::collections::BTreeMap;

use chat_core::id::UserId;
use chat_core::protocol::{CloseCode, EmergencyAction, OrderAction, WorkAction};
use chat_core::store::{Account, EntryBody};
use chat_core::time::Timestamp;

use crate::audit::{AuditKind, AuditLine};
use crate::store::{HistoryMessage, JournalHistory};

/// The entries of a history.
pub(super) struct Story<'a> {
    user: &'a UserId,
    trail: Vec<AuditLine<'static>>,
    journal: JournalHistory,
    /// The place of the journal in words, if there is one.
    place: Option<&'static str>,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        user: &'a UserId,
        trail: Vec<AuditLine<'static>>,
        (place, journal): (Option<&'static str>, JournalHistory),
    ) -> Self {
        Self { user, trail, journal, place }
    }

    /// Whether an entry is about the user, and not about the server alone.
    pub(super) fn is_about_user(&self) -> bool {
        let JournalHistory { messages, accounts, .. } = &self.journal;
        !messages.is_empty() || !accounts.is_empty() || self.trail.iter().any(|line| line.user.is_some())
    }

    /// The entries in the order of their time.
    pub(super) fn entries(&self) -> Vec<(Timestamp, String)> {
        let mut stored = BTreeMap::new();
        for message in &self.journal.messages {
            stored.insert((message.conversation.as_str(), message.seq), message);
        }
        let mut entries = Vec::new();
        let mut carried = BTreeMap::new();
        for line in &self.trail {
            let place = line.conversation.as_deref().zip(seq(line));
            match (line.what, place) {
                (AuditKind::Message | AuditKind::Conversation | AuditKind::Work, Some(place))
                    if !line.repeat && stored.contains_key(&place) =>
                {
                    carried.insert(place, line);
                }
                _ => entries.push((line.at, told(line, self.place))),
            }
        }
        let messages = stored
            .iter()
            .map(|(place, message)| (message.sent_at, self.message(message, carried.get(place).copied())));
        entries.extend(messages);
        let accounts =
            self.journal.accounts.iter().filter_map(|account| Some((account.said?.at, changed(account))));
        entries.extend(accounts);
        entries.sort_by_key(|(at, _)| *at);
        entries
    }

    fn message(&self, message: &HistoryMessage, line: Option<&AuditLine<'_>>) -> String {
        let HistoryMessage { id, sender, client_message_id, is_erased, read_by, .. } = message;
        let is_own = sender == self.user;
        let who = if is_own { String::new() } else { format!("{sender} ") };
        let deed = deed(message);
        let client = client_message_id.as_ref().filter(|_| is_own);
        let client = client.map_or(String::new(), |id| format!(", client_message_id {id}"));
        let way = line.and_then(|line| Some((line.connection?, line.address?)));
        let way = way.map_or(String::new(), |(connection, address)| {
            format!(" by connection {connection} from {address}")
        });
        let erased = if *is_erased { "; its text is erased" } else { "" };
        let read = match read_by {
            None => "read by nobody else until now".to_owned(),
            Some((reader, Some(at))) => format!("read first by {reader} at {at}"),
            Some((reader, None)) => format!("read first by {reader}"),
        };
        format!("{who}{deed} ({id}{client}){way}{erased}; stored, and {read}")
    }
}

/// A message or an entry in words.
fn deed(HistoryMessage { conversation, seq, entry, .. }: &HistoryMessage) -> String {
    let work = match entry {
        Some(EntryBody::Work(action)) => Some(action),
        Some(EntryBody::Emergency(EmergencyAction::Escalate)) => {
            return format!("alerted control again of the emergency {conversation} by entry {seq}");
        }
        Some(EntryBody::Emergency(EmergencyAction::End)) => {
            return format!("ended the emergency {conversation} by entry {seq}");
        }
        Some(EntryBody::Emergency(EmergencyAction::Withdraw)) => {
            return format!("withdrew the emergency {conversation} by entry {seq}");
        }
        Some(EntryBody::Order(OrderAction::Answer)) => {
            return format!("answered an order of {conversation} by entry {seq}");
        }
        Some(EntryBody::Order(OrderAction::Expire)) => {
            return format!("ended an order of {conversation} by entry {seq}");
        }
        Some(EntryBody::Order(OrderAction::Withdraw)) => {
            return format!("withdrew an order of {conversation} by entry {seq}");
        }
        None => None,
    };
    match work {
        None => format!("wrote message {seq} of {conversation}"),
        Some(WorkAction::Take) => format!("took {conversation} by entry {seq}"),
        Some(WorkAction::Release) => format!("handed {conversation} back to the team by entry {seq}"),
        Some(WorkAction::Transfer) => format!("handed {conversation} to a colleague by entry {seq}"),
        Some(WorkAction::Resolve) => format!("resolved {conversation} by entry {seq}"),
        Some(WorkAction::Reopen) => format!("reopened {conversation} by entry {seq}"),
    }
}

/// The number of the message that a line is about. A new conversation has message 1.
fn seq(line: &AuditLine<'_>) -> Option<u64> {
    if line.what == AuditKind::Conversation { Some(1) } else { line.seq }
}

/// A line of the trail in words.
fn told(line: &AuditLine<'_>, place: Option<&str>) -> String {
    let or =
        |text: &Option<std::borrow::Cow<'_, str>>, other: &str| text.as_deref().unwrap_or(other).to_owned();
    let address = line.address.map_or("an unknown address".to_owned(), |address| address.to_string());
    let connection =
        line.connection.map_or("a connection".to_owned(), |number| format!("connection {number}"));
    let conversation = line.conversation.as_deref().map_or(String::new(), |id| format!(" in {id}"));
    let client =
        line.client_message_id.as_deref().map_or(String::new(), |id| format!(" (client_message_id {id})"));
    let code = or(&line.code, "without a word");
    let text = match line.what {
        AuditKind::Started => format!("the server started, version {}", or(&line.detail, "unknown")),
        AuditKind::Stopped => "the server stopped".to_owned(),
        AuditKind::Connected => {
            format!("connected: {connection} from {address} as {}", or(&line.role, "somebody"))
        }
        AuditKind::NotConnected if line.user.is_some() => {
            format!("was not let in from {address}: {}", meaning(&code))
        }
        AuditKind::NotConnected => {
            format!("somebody without a valid token was not let in from {address}: {}", meaning(&code))
        }
        AuditKind::Ended => {
            format!(
                "{connection} from {address} ended after {} s: {}",
                line.seconds.unwrap_or(0),
                meaning(&code)
            )
        }
        AuditKind::Message | AuditKind::Conversation if line.repeat => {
            format!(
                "repeated message {}{conversation}{client} from {address}: it was stored before",
                seq(line).unwrap_or(0)
            )
        }
        AuditKind::Message | AuditKind::Conversation => format!(
            "wrote message {}{conversation}{client} from {address}: {}",
            seq(line).unwrap_or(0),
            unseen(place, "; if an older state was put back, the message was lost with it")
        ),
        AuditKind::Work => format!(
            "{} {}{conversation}{client} by entry {} from {address}: {}",
            if line.repeat { "repeated" } else { "was granted" },
            or(&line.request, "a change of the work"),
            seq(line).unwrap_or(0),
            if line.repeat { "it was stored before".to_owned() } else { unseen(place, "") },
        ),
        AuditKind::Refused => {
            format!(
                "was refused {}{conversation}{client} from {address}: {code}",
                or(&line.request, "a frame")
            )
        }
        AuditKind::Act => format!(
            "an administrator ({}) did: {} {}",
            or(&line.by, "unknown"),
            or(&line.act, "something"),
            or(&line.detail, "")
        ),
    };
    if line.left_out == 0 {
        return text.trim_end().to_owned();
    }
    format!("{}; {} like this before were not noted", text.trim_end(), line.left_out)
}

/// The fate of a message that is in the trail alone.
fn unseen(place: Option<&str>, lost: &str) -> String {
    place.map_or("acknowledged".to_owned(), |place| format!("acknowledged, and not in {place}{lost}"))
}

/// A cause of an end in words, with its close code.
fn meaning(code: &str) -> String {
    let known = code.parse().ok().and_then(CloseCode::from_code);
    match (code, known) {
        ("peer", _) => "the client closed it".to_owned(),
        ("broken", _) => "the line broke".to_owned(),
        (_, Some(known)) => format!("{} ({code})", known.reason()),
        (_, None) => code.to_owned(),
    }
}

fn changed(account: &Account) -> String {
    let Account { user, active, .. } = account;
    let state = if *active { "active" } else { "deactivated" };
    format!(
        "the account became {} {} <{}>, {}, {state}",
        user.first_name,
        user.last_name,
        user.email,
        user.role.as_str()
    )
}
