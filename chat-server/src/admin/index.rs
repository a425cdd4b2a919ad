//! `GET /`: what there is.

use serde::Serialize;

use super::answer::{Answer, json};
use super::{Context, ROUTES, Route};

#[derive(Serialize)]
struct Index {
    name: &'static str,
    version: &'static str,
    uptime_seconds: u64,
    routes: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    method: &'static str,
    path: &'static str,
    about: &'static str,
}

pub(super) fn index(context: &Context) -> Answer {
    let entry =
        |route: &'static Route| Entry { method: route.method.as_str(), path: route.path, about: route.about };
    json(&Index {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: context.started.elapsed().as_secs(),
        routes: ROUTES.iter().map(entry).collect(),
    })
}
