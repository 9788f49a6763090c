use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

/// The first choice of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Longer is no password, but a file sent here by mistake.
const MAX_LEN: u64 = 4096;

/// Reads a password from standard input and prints its PHC string.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        eprintln!("Type the password, then Enter and Ctrl-D (it is shown as you type):");
    }
    let mut password = Zeroizing::new(Vec::with_capacity(256));
    stdin.lock().take(MAX_LEN + 3).read_to_end(&mut password).context("cannot read standard input")?;
    writeln!(io::stdout().lock(), "{}", hash(without_newline(&password))?)
        .context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The bytes without one newline at their end, which `echo` and an editor add.
fn without_newline(password: &[u8]) -> &[u8] {
    let password = password.strip_suffix(b"\n").unwrap_or(password);
    password.strip_suffix(b"\r").unwrap_or(password)
}

fn hash(password: &[u8]) -> anyhow::Result<String> {
    if password.is_empty() {
        bail!("the password is empty: send it to standard input");
    }
    if password.len() as u64 > MAX_LEN {
        bail!("the password is longer than {MAX_LEN} bytes");
    }
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(argon2
        .hash_password(password)
        .map_err(|error| anyhow::anyhow!("cannot hash the password: {error}"))?
        .to_string())
}

#[cfg(test)]
mod tests {
    use argon2::Argon2;
    use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};

    use super::{MAX_LEN, hash, without_newline};

    #[test]
    fn the_hash_is_argon2id_with_the_parameters_of_owasp_and_verifies() {
        let phc = hash(b"correct horse").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        let parsed = PasswordHash::new(&phc).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
        assert!(Argon2::default().verify_password(b"correct horse\n", &parsed).is_err());
        assert_ne!(phc, hash(b"correct horse").unwrap(), "the salt is fresh");
    }

    #[test]
    fn one_newline_is_no_part_of_the_password() {
        for (input, password) in
            [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("\n", "")]
        {
            assert_eq!(without_newline(input.as_bytes()), password.as_bytes(), "{input:?}");
        }
    }

    #[test]
    fn an_empty_and_an_endless_password_are_refused() {
        assert!(hash(b"").is_err());
        assert!(hash(&vec![b'a'; MAX_LEN as usize + 1]).is_err());
    }
}
