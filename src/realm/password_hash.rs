use std::{fmt, str::FromStr};

use argon2::password_hash::phc;

use crate::secret::Secret;

/// Longer texts are no password hash.
pub const MAX_HASH_LENGTH: usize = 512;
/// One verification may take this much memory at the most, in KiB: 256 MiB.
pub const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// Memory in KiB times passes: what a core does in a second or two.
const MAX_MEMORY_PASSES: u64 = 2 * 1024 * 1024;
const MAX_LANES: u32 = 16;
const MAX_BCRYPT_COST: u32 = 15;
const MAX_PBKDF2_ROUNDS: u32 = 10_000_000;

/// The hash of a password, parsed once and bounded, so that a hostile one can't eat the machine. `Debug` shows the function and its
/// costs only.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    function: HashFunction,
    salt: Vec<u8>,
    output: Secret,
}

/// A password hashing function and its costs: nothing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum HashFunction {
    /// RFC 9106.
    Argon2 { variant: Argon2Variant, version: u32, memory_kib: u32, passes: u32, lanes: u32 },
    /// `$2a$`, `$2b$`, `$2y$`; the output is the 31 characters of the text.
    Bcrypt { cost: u32 },
    /// RFC 7914, N = 2^log_n.
    Scrypt { log_n: u8, block_size: u32, lanes: u32 },
    /// RFC 8018 with HMAC-SHA-256.
    Pbkdf2Sha256 { rounds: u32 },
    /// RFC 8018 with HMAC-SHA-512.
    Pbkdf2Sha512 { rounds: u32 },
}

/// How argon2 addresses its memory (RFC 9106 section 1); `argon2d` is not for passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Argon2Variant {
    Argon2i,
    Argon2id,
}

/// Why a text can't be used as a password hash; never holds a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPasswordHash {
    /// Not of the form `$FUNCTION$…`.
    #[error("it is no PHC string: {0}")]
    Malformed(&'static str),
    /// Another function.
    #[error(
        "the function is not supported: use argon2id, argon2i, bcrypt ($2a$, $2b$, $2y$), scrypt, pbkdf2-sha256 or pbkdf2-sha512"
    )]
    Function,
    /// Verifying it would cost too much.
    #[error("its costs are too high: {0}")]
    TooCostly(&'static str),
}

impl HashFunction {
    /// argon2id with the first parameters of the OWASP password storage cheat sheet: 19 MiB, two passes, one lane.
    pub const OWASP: Self =
        Self::Argon2 { variant: Argon2Variant::Argon2id, version: 0x13, memory_kib: 19 * 1024, passes: 2, lanes: 1 };

    /// The memory that one run takes, in KiB.
    pub fn memory_kib(self) -> u32 {
        match self {
            Self::Argon2 { memory_kib, .. } => memory_kib,
            Self::Scrypt { log_n, block_size, .. } => {
                let bytes = (128 * u64::from(block_size)).checked_shl(u32::from(log_n)).unwrap_or(u64::MAX);
                u32::try_from(bytes / 1024).unwrap_or(u32::MAX)
            }
            Self::Bcrypt { .. } | Self::Pbkdf2Sha256 { .. } | Self::Pbkdf2Sha512 { .. } => 8,
        }
    }

    /// Refuses costs beyond the bounds.
    fn bounded(self) -> Result<Self, InvalidPasswordHash> {
        let too_costly = |what| Err(InvalidPasswordHash::TooCostly(what));
        if self.memory_kib() > MAX_MEMORY_KIB {
            return too_costly("it takes more than 256 MiB of memory");
        }
        match self {
            Self::Argon2 { lanes, .. } if lanes > MAX_LANES => too_costly("argon2 with more than 16 lanes"),
            Self::Argon2 { memory_kib, passes, .. }
                if u64::from(memory_kib) * u64::from(passes) > MAX_MEMORY_PASSES =>
            {
                too_costly("argon2 with more than 2 GiB as memory times passes")
            }
            Self::Scrypt { lanes, .. } if u64::from(self.memory_kib()) * u64::from(lanes) > MAX_MEMORY_PASSES / 2 => {
                too_costly("scrypt with more than 1 GiB as memory times parallelism")
            }
            Self::Bcrypt { cost } if cost > MAX_BCRYPT_COST => too_costly("bcrypt with a cost above 15"),
            Self::Pbkdf2Sha256 { rounds } | Self::Pbkdf2Sha512 { rounds } if rounds > MAX_PBKDF2_ROUNDS => {
                too_costly("pbkdf2 with more than 10000000 rounds")
            }
            fine => Ok(fine),
        }
    }
}

impl PasswordHash {
    /// What it was hashed with.
    pub fn function(&self) -> HashFunction {
        self.function
    }

    /// The salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// What the function must give for the right password.
    pub fn output(&self) -> &[u8] {
        self.output.expose()
    }
}

impl FromStr for PasswordHash {
    type Err = InvalidPasswordHash;

    /// Parses a PHC string or a bcrypt hash; white space around it is dropped.
    fn from_str(text: &str) -> Result<Self, InvalidPasswordHash> {
        let text = text.trim();
        if text.len() > MAX_HASH_LENGTH {
            return Err(InvalidPasswordHash::Malformed("it is too long"));
        }
        match text.get(..4) {
            Some("$2a$" | "$2b$" | "$2y$") => parse_bcrypt(text),
            _ => parse_phc(text),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordHash").field(&self.function).finish()
    }
}

/// `$2b$COST$` and 53 characters: 22 of salt, 31 of output.
fn parse_bcrypt(text: &str) -> Result<PasswordHash, InvalidPasswordHash> {
    let malformed = InvalidPasswordHash::Malformed("a bcrypt hash is 60 characters, as in $2b$12$…");
    let Ok(parts) = bcrypt::HashParts::from_str(text) else { return Err(malformed) };
    let Some(output) = text.get(29..60) else { return Err(malformed) };
    if parts.get_cost() < 4 {
        return Err(InvalidPasswordHash::Malformed("a bcrypt cost is 4 or more"));
    }
    let function = HashFunction::Bcrypt { cost: parts.get_cost() }.bounded()?;
    Ok(PasswordHash { function, salt: parts.get_salt_raw().to_vec(), output: Secret::new(output) })
}

fn parse_phc(text: &str) -> Result<PasswordHash, InvalidPasswordHash> {
    let malformed = InvalidPasswordHash::Malformed;
    let hash = phc::PasswordHash::new(text)
        .map_err(|_| malformed("the form is $function$parameters$salt$hash, salt and hash in unpadded base64"))?;
    let function = function(&hash)?.bounded()?;
    let salt = hash.salt.ok_or(malformed("it has no salt"))?;
    let output = hash.hash.ok_or(malformed("it has no hash"))?;
    let length = decimal(&hash, "l")?;
    if length.is_some_and(|length| usize::try_from(length) != Ok(output.len())) {
        return Err(malformed("the length l is not that of the hash"));
    }
    Ok(PasswordHash { function, salt: salt.to_vec(), output: Secret::new(output.as_bytes()) })
}

/// The function by its name, with every parameter that it needs and none that it does not know.
fn function(hash: &phc::PasswordHash) -> Result<HashFunction, InvalidPasswordHash> {
    let (known, function): (&[&str], _) = match hash.algorithm.as_str() {
        "argon2id" => (&["m", "t", "p"], argon2(hash, Argon2Variant::Argon2id)?),
        "argon2i" => (&["m", "t", "p"], argon2(hash, Argon2Variant::Argon2i)?),
        "scrypt" => (&["ln", "r", "p"], scrypt(hash)?),
        "pbkdf2-sha256" => (&["i", "l"], HashFunction::Pbkdf2Sha256 { rounds: needed(hash, "i")? }),
        "pbkdf2-sha512" => (&["i", "l"], HashFunction::Pbkdf2Sha512 { rounds: needed(hash, "i")? }),
        _ => return Err(InvalidPasswordHash::Function),
    };
    match hash.params.iter().all(|(name, _)| known.contains(&name.as_str())) {
        true => Ok(function),
        false => Err(InvalidPasswordHash::Malformed("it has a parameter that the function does not know")),
    }
}

fn argon2(hash: &phc::PasswordHash, variant: Argon2Variant) -> Result<HashFunction, InvalidPasswordHash> {
    let (memory_kib, passes, lanes) = (needed(hash, "m")?, needed(hash, "t")?, needed(hash, "p")?);
    // The reference implementation takes a hash without a version for one of version 16.
    let version = hash.version.unwrap_or(0x10);
    if !matches!(version, 0x10 | 0x13) {
        return Err(InvalidPasswordHash::Malformed("an argon2 version is v=16 or v=19"));
    }
    if u64::from(memory_kib) < 8 * u64::from(lanes) {
        return Err(InvalidPasswordHash::Malformed("argon2 needs 8 KiB of memory for each lane"));
    }
    Ok(HashFunction::Argon2 { variant, version, memory_kib, passes, lanes })
}

fn scrypt(hash: &phc::PasswordHash) -> Result<HashFunction, InvalidPasswordHash> {
    let (log_n, block_size, lanes) = (needed(hash, "ln")?, needed(hash, "r")?, needed(hash, "p")?);
    match u8::try_from(log_n) {
        Ok(log_n @ 1..=20) => Ok(HashFunction::Scrypt { log_n, block_size, lanes }),
        _ => Err(InvalidPasswordHash::TooCostly("scrypt with ln above 20")),
    }
}

fn decimal(hash: &phc::PasswordHash, name: &str) -> Result<Option<u32>, InvalidPasswordHash> {
    let Some(value) = hash.params.get(name) else { return Ok(None) };
    match value.decimal() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => Err(InvalidPasswordHash::Malformed("a parameter is not a positive decimal number")),
    }
}

fn needed(hash: &phc::PasswordHash, name: &str) -> Result<u32, InvalidPasswordHash> {
    decimal(hash, name)?.ok_or(InvalidPasswordHash::Malformed("a parameter of the function is missing"))
}

#[cfg(test)]
mod tests {
    use super::{HashFunction, InvalidPasswordHash, PasswordHash};

    const SALT_AND_HASH: &str = "c2FsdHNhbHRzYWx0c2FsdA$N2Y3ZjdmN2Y3ZjdmN2Y3ZjdmN2Y3ZjdmN2Y3ZjdmN2Y";

    fn parse(prefix: &str) -> Result<HashFunction, InvalidPasswordHash> {
        format!("{prefix}${SALT_AND_HASH}").parse::<PasswordHash>().map(|hash| hash.function())
    }

    #[test]
    fn each_function_is_parsed_with_its_costs() {
        assert_eq!(parse("$argon2id$v=19$m=19456,t=2,p=1"), Ok(HashFunction::OWASP));
        assert!(matches!(parse("$argon2i$m=4096,t=3,p=1"), Ok(HashFunction::Argon2 { version: 16, .. })));
        assert_eq!(parse("$scrypt$ln=17,r=8,p=1"), Ok(HashFunction::Scrypt { log_n: 17, block_size: 8, lanes: 1 }));
        assert_eq!(parse("$scrypt$ln=17,r=8,p=1").unwrap().memory_kib(), 128 * 1024);
        assert_eq!(parse("$pbkdf2-sha256$i=600000,l=32"), Ok(HashFunction::Pbkdf2Sha256 { rounds: 600_000 }));
        assert_eq!(parse("$pbkdf2-sha512$i=210000"), Ok(HashFunction::Pbkdf2Sha512 { rounds: 210_000 }));
        for prefix in ["$2a", "$2b", "$2y"] {
            let hash = format!("{prefix}$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.\n");
            assert_eq!(hash.parse::<PasswordHash>().unwrap().function(), HashFunction::Bcrypt { cost: 6 });
        }
    }

    #[test]
    fn a_hash_that_would_eat_the_machine_is_refused() {
        for prefix in [
            "$argon2id$v=19$m=4294967295,t=1,p=1",
            "$argon2id$v=19$m=262145,t=1,p=1",
            "$argon2id$v=19$m=262144,t=9,p=1",
            "$argon2id$v=19$m=65536,t=4294967295,p=1",
            "$argon2id$v=19$m=65536,t=1,p=17",
            "$scrypt$ln=21,r=8,p=1",
            "$scrypt$ln=63,r=8,p=1",
            "$scrypt$ln=20,r=8,p=1",
            "$scrypt$ln=17,r=8,p=9",
            "$scrypt$ln=4,r=4294967295,p=4294967295",
            "$pbkdf2-sha256$i=4294967295",
        ] {
            assert!(matches!(parse(prefix), Err(InvalidPasswordHash::TooCostly(_))), "{prefix}");
        }
        let bcrypt = "$2b$31$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";
        assert!(matches!(bcrypt.parse::<PasswordHash>(), Err(InvalidPasswordHash::TooCostly(_))));
    }

    #[test]
    fn what_is_no_hash_is_refused_without_a_panic() {
        for text in ["", "$", "hunter2", "$2b$", "$2b$12$é", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1", "$1$a$b"]
        {
            assert!(text.parse::<PasswordHash>().is_err(), "{text}");
        }
        for prefix in [
            "$argon2d$v=19$m=19456,t=2,p=1",
            "$argon2id$v=18$m=19456,t=2,p=1",
            "$argon2id$v=19$m=7,t=2,p=1",
            "$argon2id$v=19$m=19456,t=0,p=1",
            "$argon2id$v=19$m=19456,t=2",
            "$argon2id$v=19$m=19456,t=2,p=1,x=1",
            "$pbkdf2-sha256$i=600000,l=16",
            "$md5",
        ] {
            assert!(parse(prefix).is_err(), "{prefix}");
        }
        assert!("a".repeat(1_000).parse::<PasswordHash>().is_err());
    }

    #[test]
    fn debug_shows_neither_salt_nor_output() {
        let hash: PasswordHash = format!("$pbkdf2-sha256$i=1000${SALT_AND_HASH}").parse().unwrap();
        assert_eq!(format!("{hash:?}"), "PasswordHash(Pbkdf2Sha256 { rounds: 1000 })");
    }
}
