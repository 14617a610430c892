//! Keeps the program small: packs its relocations, which takes half a megabyte off it and needs glibc 2.36 as Debian 12
//! has it, and leaves out the index of unwinding tables, because a release ends at its first panic and unwinds nothing.
//! Debuggers read the tables themselves, which stay.

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script the target in its environment")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        if is("PROFILE", "release") {
            println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        }
    }
}
