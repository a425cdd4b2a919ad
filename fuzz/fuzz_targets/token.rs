//! See [`chat_fuzz::token`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chat_fuzz::token::run(bytes));
