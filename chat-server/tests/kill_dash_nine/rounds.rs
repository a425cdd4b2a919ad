//! Load, a kill, a comparison, and again.

use std::path::Path;

use chat_core::protocol::{Role, User};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rustix::process::Signal;
use serde_json::json;
use server_test_support::{Server, create, jane};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::device::{Device, Found};
use crate::kept::Kept;
use crate::kill::{Kills, kill_while_building, kill_while_starting, millis};

/// Rounds at least, unless `KILL_ROUNDS` says otherwise.
const ROUNDS: usize = 4;

/// Most rounds, if a required case was not met earlier: some four kills in ten hit between a change
/// and its reply.
const ROUNDS_MOST: usize = 60;

/// No limits, as the load goes far beyond them.
pub const FLAGS: [&str; 2] = ["--messages-per-second", "0"];

#[tokio::test]
async fn nothing_acknowledged_is_lost_doubled_or_out_of_order() {
    let rounds = number("KILL_ROUNDS").map_or(ROUNDS, |rounds| usize::try_from(rounds).unwrap());
    let seed = number("KILL_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    println!("KILL_SEED={seed} KILL_ROUNDS={rounds}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut devices = devices(dir.path(), &mut random).await;
    let (mut found, mut kills) = (Found::default(), Kills::default());
    for round in 1.. {
        if round > rounds && (round > ROUNDS_MOST || (found.durable > 0 && kills.all_kinds())) {
            break;
        }
        devices = load_until_killed(round, dir.path(), devices, &mut random, &mut kills).await;
        if round.is_multiple_of(2) {
            kill_while_it_builds(dir.path(), &mut random, &mut kills);
        }
        let server = Server::start_in(dir.path(), &FLAGS);
        let this = compare(&server, &mut devices).await;
        println!("round {round}: {this}");
        end(round, server, dir.path(), &mut random, &mut kills).await;
        found += this;
    }
    println!("in all: {found}; {kills:?}");
    assert!(found.acknowledged > 0 && found.durable + found.gone > 0, "the kills hit no load");
    assert!(found.durable > 0, "no kill hit between a change and its reply");
    assert!(kills.all_kinds(), "{kills:?}");
    println!("{} kills survived", kills.all());
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().expect("a number"))
}

/// Three drivers with a conversation each, and Jane of control with two devices, writing in the
/// first conversation.
async fn devices(dir: &Path, random: &mut ChaCha8Rng) -> Vec<Device> {
    let server = Server::start_in(dir, &FLAGS);
    // A reply: from then on the server knows Jane, and each new conversation has her in it.
    let mut known = server.connect(&jane()).await;
    known.request("get_active_conversations", json!({})).await;
    known.close().await;
    let mut devices = Vec::new();
    for number in 0..3 {
        let user = User::new(format!("user_{number}"), Role::BusDriver);
        let conversation = create(&mut server.connect(&user).await, "At the start", "hello").await;
        devices.push(Device::new(&user.id.to_string(), user.clone(), &conversation, random));
    }
    let conversation = devices[0].conversation.clone();
    devices.extend(["desk", "phone"].map(|name| Device::new(name, jane(), &conversation, random)));
    server.kill().await;
    devices
}

/// Lets all devices ask without end. Each third round the server is asked to stop before it is
/// killed.
async fn load_until_killed(
    round: usize,
    dir: &Path,
    devices: Vec<Device>,
    random: &mut ChaCha8Rng,
    kills: &mut Kills,
) -> Vec<Device> {
    let server = Server::start_in(dir, &FLAGS);
    let mut asking = JoinSet::new();
    for device in devices {
        let client = server.connect(&device.user).await;
        asking.spawn(device.ask(client));
    }
    sleep(millis(random, 50..400)).await;
    if round.is_multiple_of(3) {
        server.signal(Signal::TERM);
        sleep(millis(random, 0..20)).await;
        server.signal(Signal::KILL);
        let (status, ..) = server.ended().await;
        kills.while_stopping += usize::from(!status.success());
    } else {
        server.kill().await;
        kills.under_load += 1;
    }
    asking.join_all().await
}

/// Kills twice, because the second start finds the unfinished index of the first.
fn kill_while_it_builds(dir: &Path, random: &mut ChaCha8Rng, kills: &mut Kills) {
    std::fs::remove_dir_all(dir.join("data/index")).unwrap();
    for _ in 0..2 {
        kills.while_building += usize::from(kill_while_building(dir, random));
    }
}

/// Compares all acknowledged requests with the stored content, repeats the requests, and compares
/// again.
async fn compare(server: &Server, devices: &mut [Device]) -> Found {
    let users: Vec<_> = devices.iter().map(|device| device.user.clone()).collect();
    let kept = Kept::read(server, &users).await;
    kept.check(devices);
    let mut found = Found::default();
    for device in &mut *devices {
        found += device.ask_again(server, &kept).await;
    }
    Kept::read(server, &users).await.check(devices);
    found
}

/// Ends a round: by a kill of an idle server, or by a clean stop and a kill of the start that comes
/// after.
async fn end(round: usize, server: Server, dir: &Path, random: &mut ChaCha8Rng, kills: &mut Kills) {
    if round.is_multiple_of(2) {
        return server.kill().await;
    }
    assert!(server.stop().await.0.success());
    kills.while_starting += usize::from(kill_while_starting(dir, random));
}
