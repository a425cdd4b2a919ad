//! The server that is measured, and what it was built from.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Builds the chat server as its users do, and gives the program.
///
/// The one that cargo builds for a benchmark has the features that tests want of its dependencies: a clock that can be
/// stopped, say.
pub(crate) fn server() -> io::Result<PathBuf> {
    eprintln!("building the chat server");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--release", "--locked", "--package", "chat-server"];
    let built = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if !built.success() {
        return Err(io::Error::other("the chat server does not build"));
    }
    // This program stands in the folder `deps` beside it.
    let folder = env::current_exe()?;
    let program = folder.ancestors().nth(2).map(|folder| folder.join("chat-server"));
    program.ok_or_else(|| io::Error::other("this program does not stand where cargo puts it"))
}

/// The commit that is checked out.
pub(crate) fn commit() -> io::Result<String> {
    let arguments = ["rev-parse", "--short=7", "HEAD"];
    let told = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}
