//! Checks once the network is good again. Their inputs are the events of the apps, and the data
//! that the server shows to a client of plain JSON. The checks know nothing of the client under
//! test.

use std::collections::BTreeMap;

use chat_client::Acknowledged;

use super::app::{App, Written};
use super::history::{Conversation, History, Line};
use crate::Server;

/// Checks that every app shows the server's history, in order, once, and that every draft is in the
/// history once or was handed back.
pub async fn check(apps: &mut [App], server: &Server) {
    let histories = histories(apps, server).await;
    for app in &mut *apps {
        let history = &histories[app.user.id.as_str()];
        show_everything(app, history).await;
        check_app(app, history);
    }
    check_all_written(apps, &histories);
}

/// The history that the server shows to each user.
async fn histories(apps: &[App], server: &Server) -> BTreeMap<String, History> {
    let mut histories = BTreeMap::new();
    for app in apps {
        if !histories.contains_key(app.user.id.as_str()) {
            histories.insert(app.user.id.to_string(), History::of(&app.user, server).await);
        }
    }
    histories
}

/// Opens all conversations, scrolls back to the beginning, and listens to the end.
async fn show_everything(app: &mut App, history: &History) {
    for (id, held) in &history.0 {
        if !app.shown.contains_key(id) {
            app.open(id);
        }
        let last = held.lines.last().map(|line| line.seq);
        let newest = |lines: &[Line]| lines.last().map(|line| line.seq) >= last;
        app.listen_until("the newest message", |app| newest(&app.shown[id].lines)).await;
        while app.fetch_older(id, 100) {
            let before = app.shown[id].lines.len();
            app.listen_until("an older page", |app| app.shown[id].lines.len() > before).await;
        }
    }
    app.listen_to_the_end().await;
}

/// Compares everything that an app was told with the server's history.
fn check_app(app: &App, history: &History) {
    assert_eq!(app.surprises, Vec::<String>::new(), "{}", app.name);
    let first_list = app.first_list.as_ref().expect("a list came");
    for (id, held) in &history.0 {
        let place = format!("{} in {id}", app.name);
        assert_eq!(app.shown[id].lines, held.lines, "{place}: what is shown");
        let heard = app.heard.get(id).map(Vec::as_slice).unwrap_or_default();
        let unheard = held.lines.len().checked_sub(heard.len()).expect("no more is heard than there is");
        assert_eq!(heard, &held.lines[unheard..], "{place}: what is heard");
        let may_be_unheard = first_list.get(id).copied().unwrap_or_default().max(held.read_up_to);
        assert!(unheard as u64 <= may_be_unheard, "{place}: {unheard} messages are missed at the beginning");
        let badge = app.badges.get(id).copied().unwrap_or_default();
        assert_eq!(badge, (held.read_up_to, held.unread_count), "{place}: what is read");
    }
    let known = app.heard.keys().chain(app.badges.keys()).chain(app.shown.keys());
    known.for_each(|id| assert!(history.0.contains_key(id), "{} knows {id}, which is not there", app.name));
}

/// Compares all drafts with the server's history.
fn check_all_written(apps: &[App], histories: &BTreeMap<String, History>) {
    let (mut acknowledged, mut handed_back) = (0, 0);
    for app in apps {
        let history = &histories[app.user.id.as_str()];
        for written in &app.written {
            match &written.outcome {
                Ok(reply) => check_acknowledged(written, reply, history),
                Err(not_sent) => {
                    let most = usize::from(not_sent.maybe_sent);
                    assert!(history.find(&written.content).len() <= most, "{}: {not_sent}", written.content);
                }
            }
            let counter = if written.outcome.is_ok() { &mut acknowledged } else { &mut handed_back };
            *counter += 1;
        }
        history.0.values().for_each(|held| check_order(&app.name, held));
    }
    println!("{acknowledged} drafts acknowledged, {handed_back} handed back");
    assert!(acknowledged > 0, "nothing was written");
}

fn check_acknowledged(written: &Written, reply: &Acknowledged, history: &History) {
    let found = history.find(&written.content);
    let [(conversation, line)] = found[..] else {
        panic!("{:?} was acknowledged, and is there {} times", written.content, found.len());
    };
    match reply {
        Acknowledged::Message(reply) => {
            assert_eq!(Some(conversation), written.conversation.as_deref(), "{}", written.content);
            assert_eq!((reply.message_id.as_str(), reply.seq), (line.id.as_str(), Some(line.seq)));
        }
        Acknowledged::Conversation(reply) => {
            assert_eq!((reply.conversation_id.as_str(), 1), (conversation, line.seq), "{}", written.content);
        }
    }
}

/// Asserts that the texts of each app in a conversation have the order of their writing.
fn check_order(name: &str, held: &Conversation) {
    let own = held.lines.iter().map(|line| &line.content).filter(|content| content.starts_with(name));
    let own = own.collect::<Vec<_>>();
    assert!(own.is_sorted_by(|one, next| one < next), "{name} out of order: {own:?}");
}
