//! The content of a disk, outside of any file system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The content of a disk, by path: `None` is a directory.
pub(crate) type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Puts an image into an empty directory, as the disk itself and not as a copy.
pub(crate) fn put(image: &Image, root: &Path) {
    for (path, content) in image {
        let path = root.join(path);
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::create_dir(path).unwrap(),
        }
    }
    forget_inode(&root.join("data"));
}

/// Removes the inode from the image's state. A power cut leaves each file its inode, and the image
/// has others: it would be taken for a copy.
fn forget_inode(data: &Path) {
    let file = data.join("state");
    let Ok(text) = fs::read_to_string(&file) else { return };
    let Some((json, checksum)) = text.split_once('\n') else { return };
    let checked = |json: &str| format!("{:08x}", crc32fast::hash(json.as_bytes()));
    if checksum.trim_end() != checked(json) {
        return;
    }
    let mut state: Value = serde_json::from_str(json).unwrap();
    state["inode"] = Value::Null;
    let json = state.to_string();
    fs::write(&file, format!("{json}\n{}\n", checked(&json))).unwrap();
}
