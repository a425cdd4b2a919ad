//! Certificate and keys replaced while clients come and go: nobody is refused.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_core::protocol::{Role, User};
use rustix::process::Signal;
use server_test_support::client::Client;
use server_test_support::issuer::{IssuerKey, Publisher, key_set};
use server_test_support::program::program;
use server_test_support::tls::Authority;
use server_test_support::{Server, until};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Clients that come and go at the same time.
const CLIENTS: usize = 6;

/// Connections, of all together, that each state of things must see.
const EACH: usize = 40;

struct Stage {
    authority: Authority,
    server: Server,
    /// The key that signs tokens.
    signing: Mutex<Arc<IssuerKey>>,
    connected: AtomicUsize,
    over: AtomicBool,
}

impl Stage {
    async fn connect(&self, key: &IssuerKey, user: &User) -> Client {
        let url = format!("{}?token={}", self.server.url, key.token(user));
        Client::open_by(url, Box::new(self.authority.reach(&self.server).await.unwrap())).await.unwrap().0
    }

    /// Connects, is served, and goes, until it is over: as another user each time, for a user may
    /// not connect this often.
    async fn come_and_go(&self, number: usize) {
        let mut times = 0;
        while !self.over.load(Ordering::Relaxed) {
            times += 1;
            let user = User::new(format!("user_{number}_{times}").as_str(), Role::BusDriver);
            let key = self.signing.lock().unwrap().clone();
            let mut client = self.connect(&key, &user).await;
            client.nothing_heard().await;
            client.close().await;
            self.connected.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until so many more have come and gone.
    async fn more(&self) {
        let most = self.connected.load(Ordering::Relaxed) + EACH;
        until("clients connect", async || self.connected.load(Ordering::Relaxed) >= most).await;
    }

    /// Waits until the server shows this certificate.
    async fn until_shown(&self, certificate: &[u8]) {
        let shown = async || self.authority.shown(&self.server).await == certificate;
        until("the certificate is shown", shown).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let (old, new) = (Arc::new(IssuerKey::new("old")), Arc::new(IssuerKey::new("new")));
    let publisher = Publisher::start(&authority, &key_set(&[&old])).await;
    let ca = authority.file();
    let flags = authority.flags().into_iter();
    let flags: Vec<_> =
        flags.chain(["--jwks-url".into(), publisher.url.clone(), "--jwks-ca-file".into(), ca]).collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let server = Server::spawn_without_secret(program(), dir.path(), &flags);
    let (connected, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let stage = Arc::new(Stage { authority, server, signing: Mutex::new(old.clone()), connected, over });
    let mut stays = stage.connect(&old, &User::new("stays", Role::ControlStaff)).await;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let stage = stage.clone();
        clients.spawn(async move { stage.come_and_go(number).await });
    }
    let change = async {
        stage.more().await;
        let second = stage.authority.renew();
        stage.until_shown(&second).await;
        // The issuer publishes a key and signs by the new key at once. Later the issuer withdraws
        // the old key.
        publisher.publish(&key_set(&[&old, &new]));
        *stage.signing.lock().unwrap() = new.clone();
        stage.more().await;
        publisher.publish(&key_set(&[&new]));
        let asked = publisher.asked();
        stage.server.signal(Signal::HUP);
        while publisher.asked() == asked {
            sleep(Duration::from_millis(10)).await;
        }
        stage.more().await;
        let third = stage.authority.renew();
        stage.server.signal(Signal::HUP);
        stage.until_shown(&third).await;
        stage.more().await;
        stage.over.store(true, Ordering::Relaxed);
    };
    let coming = async {
        while let Some(ended) = clients.join_next().await {
            ended.expect("nobody is refused");
        }
    };
    // A client that fails ends the test at once.
    futures::join!(change, coming);
    stays.nothing_heard().await;
    println!("{} connections, none refused", stage.connected.load(Ordering::Relaxed));
}
