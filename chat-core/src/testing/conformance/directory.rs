//! Cases: accounts, and ids of users with anything in them.

use super::Fixture;
use super::bench::{Bench, teams, time};
use super::queries::Listing;
use crate::protocol::{Role, User};
use crate::store::{
    Account, AccountSelection, AppendMessage, Change, CreateConversation, Event, Said, Source,
};
use crate::time::Timestamp;

/// Bytes of the longest name of a team that every store takes.
const TEAM_BYTES: usize = 40;

fn account(id: &str, role: Role, active: bool, names: &[&str]) -> Account {
    Account { active, teams: teams(names), ..Account::new(User::new(id, role)) }
}

/// An account comes back as it was put.
pub async fn an_account_is_found_as_it_was_put<F: Fixture>(bench: &mut Bench<F>) {
    let full = Account {
        user: User {
            id: "user".into(),
            email: "a\"b@example.com".into(),
            role: Role::QueueRegulator,
            first_name: "Ζωή\0".into(),
            last_name: "😀".repeat(64).into(),
        },
        active: false,
        teams: teams(&["", "a/b\0", "😀"]),
        joined: [("".into(), time(-5)), ("left".into(), time(7))].into(),
        said: Some(Said { source: Source::Import, at: time(123) }),
        decided_at: Some(Timestamp::from_millis(-1)),
        role_imported: true,
    };
    assert_eq!(bench.account("user").await, None, "an account that was not put is none");
    let committed = bench.put(full.clone()).await;
    assert_eq!(committed.event, Some(Event::AccountPut { account: full.clone() }));
    assert_eq!(bench.account("user").await, Some(full));
    assert_eq!(bench.account("use").await, None);
    assert_eq!(bench.account("user2").await, None);
}

/// A later account replaces the earlier one.
pub async fn an_account_is_replaced_whole<F: Fixture>(bench: &mut Bench<F>) {
    let first = Account {
        joined: [("a".into(), time(1))].into(),
        ..account("user", Role::ControlStaff, true, &["a", "b"])
    };
    bench.put(first.clone()).await;
    bench.put(account("user", Role::ControlAdmin, true, &["b"])).await;
    let last = account("user", Role::BusDriver, false, &[]);
    bench.put(last.clone()).await;
    assert_eq!(bench.account("user").await, Some(last), "the last put stands");
    assert_eq!(bench.staff().await, [], "the directory follows the last put");
    bench.put(first.clone()).await;
    assert_eq!(bench.staff().await, [first], "the directory follows the last put");
}

/// Puts every role, active or not, in teams or in none, in no order.
async fn everybody<F: Fixture>(bench: &mut Bench<F>) -> Vec<Account> {
    let mut accounts = Vec::new();
    for role in Role::ALL {
        for (active, teams) in [(true, &["a"][..]), (false, &["a"]), (true, &[]), (true, &["b", "c"])] {
            let id = format!("{}-{}", 97 - accounts.len() * 5 % 16, role.as_str());
            accounts.push(account(&id, role, active, teams));
        }
    }
    let changes = accounts.iter().map(|account| bench.replacing(account.clone())).collect();
    bench.accept_all(changes).await;
    accounts.sort_by(|a, b| a.user.id.cmp(&b.user.id));
    accounts
}

/// The directory's staff is all active accounts in control or in a team, by id.
pub async fn staff_is_every_active_account_in_control_or_a_team<F: Fixture>(bench: &mut Bench<F>) {
    let mut expected = everybody(bench).await;
    let is_staff = |account: &Account| account.user.role.is_control() || !account.teams.is_empty();
    expected.retain(|account| account.active && is_staff(account));
    assert_eq!(bench.staff().await, expected);
}

/// Several accounts are found: those of some users, and page by page all, by id.
pub async fn several_accounts_are_found_by_id<F: Fixture>(bench: &mut Bench<F>) {
    let all = everybody(bench).await;
    let named = [&all[9], &all[2], &all[2]].map(|account| account.user.id.clone());
    let named = AccountSelection::These([&named[..], &["unknown".into()]].concat());
    assert_eq!(bench.accounts_of(named).await, [all[2].clone(), all[9].clone()]);
    assert_eq!(bench.accounts_of(AccountSelection::These(Vec::new())).await, []);
    let (mut found, mut user) = (Vec::new(), None);
    loop {
        let page = bench.accounts_of(AccountSelection::After { user, limit: 5 }).await;
        assert!(page.len() <= 5, "at most the limit: {page:?}");
        let Some(last) = page.last() else { break };
        user = Some(last.user.id.clone());
        found.extend(page);
    }
    assert_eq!(found, all, "each once, active or not");
}

/// The epoch of a store is one string, not empty, as long as the store lives.
pub async fn the_epoch_stays<F: Fixture>(bench: &mut Bench<F>) {
    let epoch = bench.directory().await.epoch;
    assert!(!epoch.as_str().is_empty(), "an epoch is not empty");
    bench.create("driver", &[]).await;
    bench.reopen().await;
    assert_eq!(bench.directory().await.epoch, epoch, "the epoch is that of the store's creation");
}

/// Every kind of key that is made with a user's id, for ids that a careless key would mix up.
pub async fn awkward_user_ids_stay_apart<F: Fixture>(bench: &mut Bench<F>) {
    let (long, longer) = ("x".repeat(255), "x".repeat(256));
    let wide = "é".repeat(128);
    let ids = [
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a\0",
        "a\0b",
        "\0",
        "a\u{1}",
        "A",
        "é",
        "e\u{301}",
        "a:b",
        "a|b",
        "a\u{ff}",
        "conv_",
        " ",
        "%2F",
        "😀",
        "\u{10ffff}",
        &long,
        &longer,
        &wide,
    ];
    let mut created = Vec::new();
    for id in ids {
        let team = if id.len() <= TEAM_BYTES { id } else { "a long name" };
        bench.put(account(id, Role::BusDriver, true, &[team])).await;
        let creation =
            CreateConversation { client_message_id: Some(id.into()), ..bench.creation(id, &[]).await };
        created.push(creation.id.clone());
        bench.accept(Change::CreateConversation(creation)).await;
        bench.read(id, created.last().expect("one was just created"), 1).await;
    }
    for (id, conversation) in ids.into_iter().zip(&created) {
        assert_eq!(bench.account(id).await.map(|account| account.user.id), Some(id.into()), "{id:?}");
        let page = bench.listed(Listing::of(id)).await;
        assert_eq!(page.rows.len(), 1, "the list of {id:?} has one row");
        assert_eq!(&page.rows[0].conversation.id, conversation, "{id:?} takes part in its own conversation");
        assert_eq!(page.rows[0].read_up_to, 1, "the read position of {id:?}");
        assert_eq!(page.users.len(), 1, "the list of {id:?} describes it");
        assert!(bench.original(id, id).await.is_some(), "the original of {id:?}");
    }
    let mut all: Vec<_> = bench.staff().await.into_iter().map(|account| account.user.id).collect();
    assert!(all.is_sorted(), "the directory is ordered by id");
    all.retain(|user| ids.contains(&user.as_str()));
    assert_eq!(all.len(), ids.len(), "the directory holds each");
}

/// Where a key is made of a user's id and something else, another pair must not make the same key.
pub async fn a_user_whose_id_begins_anothers_sees_its_own_only<F: Fixture>(bench: &mut Bench<F>) {
    let conversation = bench.create("u", &["u1", "u/", "u\0"]).await;
    for (user, id) in [("u", "1x"), ("u1", "x"), ("u/", "x"), ("u", "/x"), ("u\0", "x"), ("u", "\0x")] {
        let draft = bench.message(user, &conversation).await;
        let content = format!("{user:?} under {id:?}").into();
        let draft = AppendMessage { client_message_id: Some(id.into()), content, ..draft };
        bench.accept(Change::AppendMessage(draft)).await;
    }
    assert_eq!(bench.conversation(&conversation).await.last_seq, 7, "six ids of four users are six ids");
    bench.read("u1", &conversation, 5).await;
    for (user, expected) in [("u", 0), ("u1", 5), ("u/", 0), ("u\0", 0)] {
        let rows = bench.listed(Listing::of(user)).await.rows;
        assert_eq!(rows[0].read_up_to, expected, "the read position of {user:?}");
    }
    let withdraw = bench.membership("u", &conversation).await;
    bench.accept(Change::Withdraw(withdraw)).await;
    assert_eq!(bench.listed_ids("u").await, []);
    assert_eq!(bench.listed_ids("u1").await.len(), 1, "u left, u1 did not");
}
