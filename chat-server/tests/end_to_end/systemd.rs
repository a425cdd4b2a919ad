//! The server as a service of systemd: `Type=notify`.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use server_test_support::Server;
use server_test_support::program::program;

/// The next thing that the service manager is told; the wait is reached only when the test fails.
fn told(manager: &UnixDatagram) -> String {
    let mut text = [0; 256];
    let length = manager.recv(&mut text).expect("the service manager is told");
    String::from_utf8_lossy(&text[..length]).trim_end().to_owned()
}

#[tokio::test]
async fn the_service_manager_hears_when_it_is_ready_and_when_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = program();
    command.env("NOTIFY_SOCKET", &socket);
    let server = Server::spawn(command, dir.path(), &[]);
    assert_eq!(told(&manager), "READY=1");
    server.signal(Signal::TERM);
    assert_eq!(told(&manager), "STOPPING=1");
    let (status, log, _) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
}
