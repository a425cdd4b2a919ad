//! The file stays small, however many messages pass.

use std::fs;

use super::{Folder, put_text, remove, write};

const KIB: u64 = 1024;

fn size(folder: &Folder) -> u64 {
    fs::metadata(folder.path()).unwrap().len()
}

#[test]
fn an_outbox_that_is_empty_again_takes_at_most_64_kib() {
    let folder = Folder::new();
    let text = "x".repeat(4_000);
    for round in 0..40 {
        let mut outbox = folder.open();
        let ids: Vec<_> = (0..10).map(|number| format!("{round}-{number}")).collect();
        write(&mut outbox, ids.iter().map(|id| put_text(id, &text)).collect::<Vec<_>>()).unwrap();
        write(&mut outbox, ids.iter().map(|id| remove(id)).collect::<Vec<_>>()).unwrap();
        drop(outbox);
        assert!(size(&folder) <= 64 * KIB, "{} bytes", size(&folder));
    }
}

#[test]
fn a_full_outbox_takes_at_most_twice_its_entries() {
    let folder = Folder::new();
    let text = "x".repeat(1_000);
    let mut outbox = folder.open();
    let first: Vec<_> = (0..1_000).map(|id| put_text(&id.to_string(), &text)).collect();
    write(&mut outbox, first).unwrap();
    drop(outbox);
    let entries = size(&folder);
    for start in (0..3_000).step_by(250) {
        let mut outbox = folder.open();
        let step = (start..start + 250)
            .flat_map(|id| [remove(&id.to_string()), put_text(&(id + 1_000).to_string(), &text)]);
        write(&mut outbox, step.collect::<Vec<_>>()).unwrap();
        drop(outbox);
        assert!(size(&folder) <= 2 * entries + KIB * 4, "{} bytes for {entries}", size(&folder));
    }
    assert_eq!(folder.found().0, (3_000..4_000).map(|id| id.to_string()).collect::<Vec<_>>());
}
