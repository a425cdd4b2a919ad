//! Tokens: renewed before expiry, requested again after expiry, and never repeated after a refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chat_client::outbox::{Change, Entry, Outbox, OutboxError};
use chat_client::{
    ConnectionState, Event, Progress, StartError, StopReason, Token, TokenError, WaitCause, provider,
};
use chat_core::drive::Clock as _;
use chat_core::id::UserId;
use chat_core::protocol::{CloseCode, ErrorCode};

use crate::handle::support::{Chat, driver, must, run, token, until};

fn stopped(event: &Event) -> bool {
    matches!(event, Event::Connection(ConnectionState::Stopped(_)))
}

#[tokio::test(start_paused = true)]
async fn an_expired_one_is_replaced_and_the_client_goes_on() {
    let chat = Chat::start();
    let asked = Arc::new(AtomicU32::new(0));
    let tokens = provider({
        let (chat, asked) = (chat.clone(), Arc::clone(&asked));
        move || {
            asked.fetch_add(1, Ordering::Relaxed);
            let token = token(&driver(), chat.clock.now().wall.plus(Duration::from_mins(1)));
            async move { Ok(Token::from(token)) }
        }
    });
    let (john, _events) = run(chat.builder(tokens)).await;
    let created = must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        must(john.send_message(created.conversation_id.clone(), "more")).await.unwrap();
    }
    assert!(john.counters().tokens_renewed > 3);
    assert!(asked.load(Ordering::Relaxed) < 20, "once for each expiry");
}

#[tokio::test(start_paused = true)]
async fn the_only_one_expires_and_the_app_hears_why() {
    let chat = Chat::start();
    let only = token(&driver(), chat.clock.now().wall.plus(Duration::from_secs(10)));
    let (john, mut events) = run(chat.builder(only)).await;
    until(&mut events, |event| {
        matches!(event, Event::Connection(ConnectionState::Waiting { cause: WaitCause::TokenExpired, .. }))
    })
    .await;
    let attempts = chat.attempts().len();
    tokio::time::sleep(Duration::from_hours(1)).await;
    let tries = chat.attempts().len() - attempts;
    assert!((60..240).contains(&tries), "every half minute on average: {tries}");
    // A draft written now waits for a token or for the end.
    let posted = john.send_message("conv_1", "Hello?");
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(posted.progress(), Progress::Queued);
}

#[tokio::test(start_paused = true)]
async fn a_refused_one_is_not_tried_again() {
    let chat = Chat::start();
    let (john, mut events) = run(chat.builder("garbage")).await;
    until(&mut events, stopped).await;
    let ConnectionState::Stopped(reason) = john.state() else { unreachable!() };
    let StopReason::Refused { code: CloseCode::NotAuthenticated, error: Some(error) } = &reason else {
        panic!("{reason:?}")
    };
    assert_eq!(error.code, Some(ErrorCode::NotAuthenticated));
    assert_eq!(
        reason.to_string(),
        "the server refuses this client: not authenticated (User not authenticated)"
    );
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(chat.attempts().len(), 1, "no loop");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_can_not_be_reached_is_asked_again() {
    let chat = Chat::start();
    let mut failures = 3;
    let good = chat.token(&driver());
    let tokens = provider(move || {
        failures -= 1;
        let result = match failures {
            0 => Ok(Token::from(good.clone())),
            _ => Err(TokenError::Unavailable("no network".into())),
        };
        async move { result }
    });
    let (_john, mut events) = run(chat.builder(tokens)).await;
    let told = until(&mut events, crate::handle::support::is_live).await;
    let waits =
        told.iter().filter(|event| matches!(event, Event::Connection(ConnectionState::Waiting { .. })));
    assert_eq!(waits.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_any_stops_the_client_until_the_app_resumes() {
    let chat = Chat::start();
    let mut logged_in = false;
    let good = chat.token(&driver());
    let tokens = provider(move || {
        let result = if std::mem::replace(&mut logged_in, true) {
            Ok(Token::from(good.clone()))
        } else {
            Err(TokenError::Refused("log in again".into()))
        };
        async move { result }
    });
    let (john, mut events) = run(chat.builder(tokens)).await;
    until(&mut events, stopped).await;
    assert_eq!(john.state(), ConnectionState::Stopped(StopReason::NoToken("log in again".into())));
    john.resume();
    until(&mut events, crate::handle::support::is_live).await;
}

/// The tokens of these tests are opaque: only the server can read them.
#[tokio::test(start_paused = true)]
async fn an_app_names_the_user_of_an_opaque_one() {
    for (is_named, unread) in [(false, 1), (true, 0)] {
        let chat = Chat::start();
        let builder = chat.builder(chat.token(&driver()));
        let (john, mut events) = run(if is_named { builder.user(driver()) } else { builder }).await;
        must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
        must(john.send_message("conv_none", "refused, and so the last event")).await.unwrap_err();
        let told =
            until(&mut events, |event| matches!(event, Event::Outbox { progress: Progress::NotSent(_), .. }))
                .await;
        let mut counts = told.iter().filter_map(|event| match event {
            Event::Unread(unread) => Some(unread.unread_count),
            _ => None,
        });
        assert_eq!(counts.next_back().unwrap_or(0), unread, "named: {is_named}");
    }
}

struct OfAnother(UserId);

impl Outbox for OfAnother {
    const SURVIVES: bool = true;

    fn owner(&self) -> Option<&UserId> {
        Some(&self.0)
    }

    async fn load(&mut self) -> Result<Vec<Entry>, OutboxError> {
        Ok(Vec::new())
    }

    async fn write(&mut self, _: Vec<Change>) -> Result<(), OutboxError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_user_may_not_open_anothers_outbox() {
    let chat = Chat::start();
    let builder = |owner: &str| {
        let outbox = OfAnother(owner.into());
        chat.builder(chat.token(&driver())).user(driver()).outbox(outbox).start()
    };
    assert_eq!(builder("driver_2").await.err(), Some(StartError::OtherUser));
    assert!(builder("driver_1").await.is_ok());
}
