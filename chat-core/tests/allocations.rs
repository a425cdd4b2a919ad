//! A program of its own, because the counter replaces the global allocator: a message costs a
//! bounded number of allocations, however many listeners it has and however much is stored.

use allocation_counter::measure;
use core_test_support::bare::Bare;

/// Most allocations of the engine for a message, from its frame to the listeners' frames.
const MOST: u64 = 32;

fn send(bare: &mut Bare) {
    let request = bare.request();
    bare.decide(request);
    bare.judge();
    assert!(bare.route() > 0);
}

/// The allocations of one more message, the request's own and the store's aside.
fn allocations(bare: &mut Bare) -> u64 {
    // Buffers that grow now and then have grown after these.
    (0..8).for_each(|_| send(bare));
    let request = bare.request();
    let decided = measure(|| bare.decide(request)).count_total;
    bare.judge();
    decided + measure(|| assert!(bare.route() > 0)).count_total
}

#[test]
fn a_message_makes_as_many_allocations_for_a_hundred_who_hear_it_as_for_one() {
    let [one, ten, hundred] = [1, 10, 100].map(|fan_out| allocations(&mut Bare::new(fan_out)));
    assert!(one > 0, "nothing was counted");
    assert!(one <= MOST, "{one} allocations");
    assert_eq!((ten, hundred), (one, one));
}

#[test]
fn a_message_makes_as_many_allocations_whatever_is_stored() {
    let mut bare = Bare::new(10);
    let before = allocations(&mut bare);
    (0..2_000).for_each(|_| send(&mut bare));
    (0..2_000).for_each(|_| drop(bare.create()));
    assert_eq!(allocations(&mut bare), before);
}
