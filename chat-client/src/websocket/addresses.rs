//! The addresses of one service, and their turns.

use super::url::Address;

/// Most addresses that one attempt tries. Later attempts begin with others.
const TRIED_MOST: usize = 4;

/// Addresses of the servers of one service, at least one. Any of them serves the user.
pub(super) struct Addresses {
    all: Vec<Address>,
    /// The place of the address that the next attempt tries first.
    next: usize,
}

impl Addresses {
    pub(super) fn one(address: Address) -> Self {
        Self { all: vec![address], next: 0 }
    }

    /// Adds an address, and draws the first turn anew: the clients of a service must not all begin
    /// with the same server.
    pub(super) fn add(&mut self, address: Address) {
        self.all.push(address);
        self.next = getrandom::u32().map_or(0, |drawn| drawn as usize) % self.all.len();
    }

    /// Returns the addresses that an attempt tries, with their places. The first has its turn.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = (usize, &Address)> {
        let places = (0..self.all.len()).map(|step| (self.next + step) % self.all.len());
        places.take(TRIED_MOST).map(|place| (place, &self.all[place]))
    }

    /// Takes the turn from this address: the next attempt begins with the one after. So a server
    /// that answers and then refuses, or that has just ended a connection, is not asked again at
    /// once.
    pub(super) fn used(&mut self, place: usize) {
        self.next = (place + 1) % self.all.len();
    }

    pub(super) fn get(&self, place: usize) -> &Address {
        &self.all[place]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Address> {
        self.all.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(count: u16) -> Addresses {
        let address = |port| Address::parse(&format!("ws://192.0.2.1:{port}/")).unwrap();
        let mut addresses = Addresses::one(address(1));
        (2..=count).for_each(|port| addresses.add(address(port)));
        addresses
    }

    fn ports(addresses: &Addresses) -> Vec<u16> {
        addresses.in_turn().map(|(_, address)| address.port).collect()
    }

    #[test]
    fn the_turn_goes_round() {
        let mut three = addresses(3);
        three.used(2);
        assert_eq!(ports(&three), [1, 2, 3]);
        three.used(0);
        assert_eq!(ports(&three), [2, 3, 1]);
        three.used(1);
        assert_eq!(ports(&three), [3, 1, 2]);
        assert_eq!(three.get(1).port, 2);
        let mut one = addresses(1);
        one.used(0);
        assert_eq!(ports(&one), [1]);
    }

    #[test]
    fn clients_do_not_all_begin_with_the_same_server() {
        let first = (0..100).map(|_| ports(&addresses(2))[0]).collect::<Vec<_>>();
        assert!(first.contains(&1) && first.contains(&2));
    }

    #[test]
    fn one_attempt_tries_a_few_of_many() {
        let mut many = addresses(9);
        many.used(8);
        assert_eq!(ports(&many), [1, 2, 3, 4]);
        many.used(6);
        assert_eq!(ports(&many), [8, 9, 1, 2]);
    }
}
