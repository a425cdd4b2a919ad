//! The local store, on a disk of its own for each test: one module per behaviour.

mod backup;
mod bytes;
mod conformance;
mod damage;
mod durability;
mod export;
mod flipped_bits;
mod hung_disk;
mod index;
mod index_failure;
mod memory;
mod overlay;
mod reference;
mod repair;
mod retention;
mod torn_tail;
mod verify;
mod written_before;
