use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher};
use aws_lc_rs::{hmac, rand::SystemRandom};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    realm::{Argon2Variant, HashFunction, Password, Realm, User},
    secret::Secret,
    store::IdHash,
};

/// So many users' hashes stand model for those of names that nobody has.
const DECOYS: usize = 128;

/// The library refused to hash: out of memory or entropy, or parameters that it does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashError;

/// What has to be computed to answer one sign-in. A name that nobody has costs as much as one that somebody has, so that time says
/// nothing.
#[derive(Debug)]
pub struct Check {
    function: HashFunction,
    salt: Vec<u8>,
    expected: Expected,
}

#[derive(Debug)]
enum Expected {
    /// The function's output.
    Output(Secret),
    /// The password itself; the function is run for its time only.
    Plain(Secret),
    /// No password is right.
    Nothing,
}

impl Check {
    /// The check for who signs in as `username`: against `user`'s password, or, where there is no such user or it has none, against
    /// nothing at the cost of a decoy.
    pub fn new(realm: &Realm, username: &str, user: Option<&User>) -> Self {
        let decoy = decoy(realm, username);
        match user.and_then(|user| user.password.as_ref()) {
            Some(password) => Self::against(password),
            None => Self { function: decoy, salt: vec![0; 16], expected: Expected::Nothing },
        }
    }

    /// The check against a password that is known to be there.
    pub fn against(password: &Password) -> Self {
        match password {
            Password::Phc(hash) => Self {
                function: hash.function(),
                salt: hash.salt().to_vec(),
                expected: Expected::Output(Secret::new(hash.output())),
            },
            Password::Plain(secret) => {
                Self { function: HashFunction::OWASP, salt: vec![0; 16], expected: Expected::Plain(secret.clone()) }
            }
        }
    }

    /// The memory that [`Self::run`] takes, in KiB.
    pub fn memory_kib(&self) -> u32 {
        self.function.memory_kib()
    }

    /// True for the right password. Blocks for as long as the function takes; the comparison takes the same time whatever differs.
    ///
    /// # Errors
    /// [`HashError`].
    pub fn run(&self, password: &Secret) -> Result<bool, HashError> {
        let length = match &self.expected {
            Expected::Output(output) => output.expose().len(),
            Expected::Plain(_) | Expected::Nothing => 32,
        };
        let output = derive(self.function, &self.salt, password.expose(), length)?;
        Ok(match &self.expected {
            Expected::Output(expected) => output.ct_eq(expected.expose()).into(),
            Expected::Plain(expected) => same(expected, password),
            Expected::Nothing => false,
        })
    }
}

/// A PHC string of the password with a fresh salt ([`HashFunction::OWASP`]). Blocks for as long as that takes.
///
/// # Errors
/// [`HashError`].
pub(super) fn hash(password: &Secret) -> Result<Secret, HashError> {
    let HashFunction::Argon2 { memory_kib, passes, lanes, .. } = HashFunction::OWASP else { return Err(HashError) };
    let params = Params::new(memory_kib, passes, lanes, None).map_err(|_| HashError)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password.expose()).map_err(|_| HashError)?;
    Ok(Secret::new(hash.to_string()))
}

/// The function that a name costs which nobody has: that of one of the realm's users, always the same for one name. In a realm where
/// all hashes are alike it is theirs; in a mixed one it tells nothing either.
fn decoy(realm: &Realm, username: &str) -> HashFunction {
    let functions: Vec<_> = realm
        .users
        .values()
        .take(DECOYS)
        .filter_map(|user| user.password.as_ref())
        .map(|password| match password {
            Password::Phc(hash) => hash.function(),
            Password::Plain(_) => HashFunction::OWASP,
        })
        .collect();
    let hash = IdHash::of(format!("decoy\0{}\0{}", realm.issuer, username.to_lowercase()));
    let [first, second, ..] = hash.as_bytes();
    let index = usize::from(u16::from_be_bytes([*first, *second])) % functions.len().max(1);
    functions.get(index).copied().unwrap_or(HashFunction::OWASP)
}

/// Compares keyed hashes, so that neither content nor length shows in the time.
fn same(expected: &Secret, presented: &Secret) -> bool {
    static KEY: LazyLock<Option<hmac::Key>> =
        LazyLock::new(|| hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok());
    KEY.as_ref().is_some_and(|key| {
        let expected = hmac::sign(key, expected.expose());
        hmac::verify(key, presented.expose(), expected.as_ref()).is_ok()
    })
}

fn derive(
    function: HashFunction,
    salt: &[u8],
    password: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, HashError> {
    let mut output = Zeroizing::new(vec![0; length]);
    match function {
        HashFunction::Argon2 { variant, version, memory_kib, passes, lanes } => {
            let algorithm = match variant {
                Argon2Variant::Argon2i => Algorithm::Argon2i,
                Argon2Variant::Argon2id => Algorithm::Argon2id,
            };
            let version = Version::try_from(version).map_err(|_| HashError)?;
            let params = Params::new(memory_kib, passes, lanes, Some(length)).map_err(|_| HashError)?;
            Argon2::new(algorithm, version, params)
                .hash_password_into(password, salt, &mut output)
                .map_err(|_| HashError)?;
        }
        HashFunction::Bcrypt { cost } => {
            // Longer passwords are cut at 72 bytes, as everywhere with bcrypt.
            let salt = salt.try_into().map_err(|_| HashError)?;
            let parts = bcrypt::hash_with_salt(password, cost, salt).map_err(|_| HashError)?;
            let text = Zeroizing::new(parts.to_string());
            output = Zeroizing::new(text.get(29..).unwrap_or_default().as_bytes().to_vec());
        }
        HashFunction::Scrypt { log_n, block_size, lanes } => {
            let params = scrypt::Params::new(log_n, block_size, lanes).map_err(|_| HashError)?;
            scrypt::scrypt(password, salt, &params, &mut output).map_err(|_| HashError)?;
        }
        HashFunction::Pbkdf2Sha256 { rounds } => {
            pbkdf2::pbkdf2_hmac::<pbkdf2::sha2::Sha256>(password, salt, rounds, &mut output);
        }
        HashFunction::Pbkdf2Sha512 { rounds } => {
            pbkdf2::pbkdf2_hmac::<pbkdf2::sha2::Sha512>(password, salt, rounds, &mut output);
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::{Check, Expected, HashFunction};
    use crate::{
        provider::testing::{realm, user},
        realm::Password,
        secret::Secret,
    };

    fn accepts(hash: &str, password: &str) -> bool {
        Check::against(&Password::Phc(hash.parse().unwrap())).run(&Secret::new(password)).unwrap()
    }

    /// Made by argon2's reference program, libxcrypt, and OpenSSL by way of Python's hashlib, all of "hunter2".
    const HASHES: [&str; 10] = [
        "$argon2id$v=19$m=256,t=2,p=1$c2FsdHNhbHRzYWx0$U9cY7ZhoOtRiEg4lkVUk6Zjc7J9T28hgRjJOzpQ222I",
        "$argon2id$v=19$m=512,t=1,p=4$c2FsdHNhbHRzYWx0$jFiKqp8/+fNmWVN6My87/x2dVK5fQPaA",
        "$argon2i$v=19$m=256,t=2,p=1$c2FsdHNhbHRzYWx0$5FCL2d5aLH+19vEiortNuy33MedTBo/ejtOzUkqa/gg",
        "$argon2i$m=256,t=2,p=1$c2FsdHNhbHRzYWx0$Afg/9E87UeDwz2LiFjAnClW+DL8qLzW1pdTFb4LZiyA",
        "$2a$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.",
        "$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.",
        "$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.",
        "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$v/uBvjpkrv4+RPlRbT7o/v0/ucpdIQIN3+rMqzxpxj4",
        "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$RilxBxnvGa3JIyaXwlUUKmvuPzxjHerJeqIuhiIvKNU",
        "$pbkdf2-sha512$i=1000$c2FsdHNhbHRzYWx0c2FsdA$uHBiiPdIHgrbiMhoB2V/9a0plYfCgvbrBRDDFg1YzClF408xFBHqUitf7Em2Y8G+RZ42qB6ca3nzr1ef3VtwjA",
    ];

    #[test]
    fn hashes_that_others_made_are_verified() {
        for hash in HASHES {
            assert!(accepts(hash, "hunter2"), "{hash}");
            assert!(!accepts(hash, "hunter22") && !accepts(hash, "Hunter2") && !accepts(hash, ""), "{hash}");
        }
    }

    #[test]
    fn a_plain_password_is_compared_whole() {
        let check = |presented: &str| {
            let expected = Expected::Plain(Secret::new("s3cret"));
            let function = HashFunction::Pbkdf2Sha256 { rounds: 1 };
            Check { function, salt: vec![0; 16], expected }.run(&Secret::new(presented)).unwrap()
        };
        assert!(check("s3cret"));
        for wrong in ["", "s3cre", "s3crets", "S3cret", "s3cret "] {
            assert!(!check(wrong), "{wrong}");
        }
    }

    #[test]
    fn nobody_s_password_is_never_right() {
        let check = Check { function: HashFunction::OWASP, salt: vec![0; 16], expected: Expected::Nothing };
        assert!(!check.run(&Secret::new("")).unwrap() && !check.run(&Secret::new("x")).unwrap());
    }

    #[test]
    fn a_name_that_nobody_has_costs_what_some_user_s_does_and_always_the_same() {
        let users = [
            ("ada", "$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8."),
            ("bob", "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$RilxBxnvGa3JIyaXwlUUKmvuPzxjHerJeqIuhiIvKNU"),
        ];
        let with = |(name, hash): (&str, &str)| {
            user(name).with(|user| user.password = Some(Password::Phc(hash.parse().unwrap())))
        };
        let one = realm().user(with(users[0])).user(user("eve")).build();
        let cost = |realm: &crate::realm::Realm, name: &str| Check::new(realm, name, None).function;
        assert_eq!(cost(&one, "stranger"), HashFunction::Bcrypt { cost: 5 }, "what all others cost");
        assert_eq!(Check::new(&one, "eve", one.user_by_name("eve").map(|user| &**user)).function, cost(&one, "eve"));
        let both = realm().user(with(users[0])).user(with(users[1])).build();
        let costs: Vec<_> = (0..64).map(|n| cost(&both, &format!("name-{n}"))).collect();
        let bcrypt = costs.iter().filter(|cost| **cost == HashFunction::Bcrypt { cost: 5 }).count();
        assert!((10..54).contains(&bcrypt), "{bcrypt} of 64");
        assert!(costs.iter().enumerate().all(|(n, seen)| *seen == cost(&both, &format!("NAME-{n}"))));
        assert_eq!(cost(&realm().build(), "stranger"), HashFunction::OWASP);
    }
}
