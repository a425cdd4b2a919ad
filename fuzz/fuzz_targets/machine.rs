//! See [`chat_fuzz::machine`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chat_fuzz::machine::run(bytes));
