//! `GET /`: version, uptime and the list of routes.

use serde::Serialize;

use super::answer::{AdminResponse, json};
use super::{Context, ROUTES, Route};

#[derive(Serialize)]
struct ApiIndex {
    name: &'static str,
    version: &'static str,
    uptime_seconds: u64,
    routes: Vec<RouteEntry>,
}

#[derive(Serialize)]
struct RouteEntry {
    method: &'static str,
    path: &'static str,
    about: &'static str,
}

pub(super) fn index(context: &Context) -> AdminResponse {
    let entry = |route: &'static Route| RouteEntry {
        method: route.method.as_str(),
        path: route.path,
        about: route.about,
    };
    json(&ApiIndex {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: context.started.elapsed().as_secs(),
        routes: ROUTES.iter().map(entry).collect(),
    })
}
