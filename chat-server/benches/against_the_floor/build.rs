//! The program that is measured, and its commit.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Builds the chat server as its users do, and returns the path of the program.
///
/// The program that cargo builds for a benchmark differs: its dependencies have features for tests,
/// as a clock that can be stopped.
pub(crate) fn server() -> io::Result<PathBuf> {
    eprintln!("building the chat server");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--release", "--locked", "--package", "chat-server"];
    let built = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if !built.success() {
        return Err(io::Error::other("the chat server does not build"));
    }
    // This program is in the folder `deps` beside that of the server.
    let folder = env::current_exe()?;
    let program = folder.ancestors().nth(2).map(|folder| folder.join("chat-server"));
    program.ok_or_else(|| io::Error::other("this program is not in the folder where cargo puts it"))
}

/// Returns the commit that is checked out.
pub(crate) fn commit() -> io::Result<String> {
    let arguments = ["rev-parse", "--short=7", "HEAD"];
    let told = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}
