//! After any puts, removals and reopenings, the file holds the same as a plain list.

use proptest::prelude::*;

use super::{Folder, ids, put_text, remove, write};

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<(String, bool)>),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = prop::collection::vec(("[a-h]", any::<bool>()), 0..6).prop_map(Step::Write);
    prop::collection::vec(prop_oneof![4 => write, 1 => Just(Step::Reopen)], 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_file_holds_what_a_list_would(steps in steps()) {
        let folder = Folder::new();
        let mut outbox = folder.open();
        let mut model: Vec<String> = Vec::new();
        let text = "x".repeat(4_000);
        for step in steps {
            match step {
                Step::Write(changes) => {
                    for (id, is_put) in &changes {
                        if !is_put {
                            model.retain(|kept| kept != id);
                        } else if !model.contains(id) {
                            model.push(id.clone());
                        }
                    }
                    let change = |(id, is_put): &(String, bool)| if *is_put { put_text(id, &text) } else { remove(id) };
                    write(&mut outbox, changes.iter().map(change).collect::<Vec<_>>()).unwrap();
                }
                Step::Reopen => {
                    drop(outbox);
                    outbox = folder.open();
                    prop_assert_eq!(outbox.damaged(), 0);
                }
            }
            prop_assert_eq!(&ids(&mut outbox), &model);
        }
    }
}
