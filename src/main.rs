//! The `realmkeeper` binary: everything stands in the library.

fn main() -> std::process::ExitCode {
    realmkeeper::cli::main()
}
