//! See [`chat_fuzz::record`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chat_fuzz::record::run(bytes));
