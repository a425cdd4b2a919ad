//! See [`chat_fuzz::engine`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chat_fuzz::engine::run(bytes));
