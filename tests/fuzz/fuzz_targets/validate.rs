//! See `exercise::validate`.
#![no_main]

#[path = "../exercise.rs"]
#[expect(dead_code, reason = "each target uses a part of it")]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exercise::validate(bytes));
