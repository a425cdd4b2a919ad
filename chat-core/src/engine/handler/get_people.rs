//! Handler of the addition `get_people`.

use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::id::Cursor;
use crate::protocol::{GetPeople, GetPeopleReply, Person, Reply, Success};
use crate::store::{AccountSelection, Query};

pub(super) fn step(request: &GetPeople, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let pages = &cx.limits.pages;
    let Some(accounts) = &cx.facts.accounts else {
        let user = request.cursor.as_ref().and_then(Cursor::user);
        let selection = AccountSelection::After { user, limit: pages.people_searched };
        return Err(Blocked::OnLoad(Query::Accounts(selection)));
    };
    let limit = super::limit(request.limit, pages.people_default, pages.people_most) as usize;
    let mut found = accounts
        .iter()
        .map(|stored| &stored.account)
        .filter(|account| account.active && request.matches(&account.user));
    let shown: Vec<_> = found.by_ref().take(limit).map(|account| &account.user).collect();
    let last_searched = accounts.last().filter(|_| accounts.len() >= pages.people_searched as usize);
    let next = match found.next() {
        Some(_) => shown.last().map(|user| &user.id),
        None => last_searched.map(|stored| &stored.user().id),
    };
    let people = shown.iter().map(|user| Person::of(user, !cx.online.of(&user.id).is_empty()));
    Ok(Step::Reply(Reply::GetPeople(GetPeopleReply {
        success: Success,
        people: people.collect(),
        next_cursor: next.map(Cursor::behind),
    })))
}
