//! The content of a disk, outside of any file system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The content of a disk, by path: `None` is a directory.
pub(crate) type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Puts an image into an empty directory.
pub(crate) fn put(image: &Image, root: &Path) {
    for (path, content) in image {
        let path = root.join(path);
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::create_dir(path).unwrap(),
        }
    }
}
