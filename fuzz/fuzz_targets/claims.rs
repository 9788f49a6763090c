#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| realmkeeper::fuzzing::run("claims", data));
