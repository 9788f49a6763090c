use crate::{
    jose::{self, KeyAlgorithm},
    secret::{Secret, random, unguessable},
};

/// Where new secrets come from; a test passes one whose answers it knows.
pub trait Generator: Send {
    /// A client secret of at least so many bytes (no more than 86 are asked for): 256 bits as base64url, and 512 where that is too short.
    ///
    /// # Errors
    /// [`jose::Error::Crypto`] where the machine has no entropy.
    fn secret(&mut self, min_length: usize) -> Result<Secret, jose::Error>;

    /// Something to tell a secret by: 72 bits as base64url, of no relation to the secret.
    ///
    /// # Errors
    /// [`jose::Error::Crypto`] where the machine has no entropy.
    fn id(&mut self) -> Result<String, jose::Error>;

    /// A private key as PEM (PKCS #8).
    ///
    /// # Errors
    /// [`jose::Error::Crypto`] where the machine has no entropy.
    fn key(&mut self, algorithm: KeyAlgorithm) -> Result<Secret, jose::Error>;
}

/// The machine's own randomness.
#[derive(Debug, Default)]
pub struct SystemGenerator;

impl Generator for SystemGenerator {
    fn secret(&mut self, min_length: usize) -> Result<Secret, jose::Error> {
        let short = Secret::new(unguessable()?);
        Ok(if short.expose().len() >= min_length { short } else { Secret::new(random::<64>()?) })
    }

    fn id(&mut self) -> Result<String, jose::Error> {
        Ok(random::<9>()?)
    }

    fn key(&mut self, algorithm: KeyAlgorithm) -> Result<Secret, jose::Error> {
        algorithm.generate_pem()
    }
}

#[cfg(test)]
mod tests {
    use super::{Generator, SystemGenerator};

    #[test]
    fn secrets_have_256_bits_and_differ() {
        let mut generator = SystemGenerator;
        let (a, b) = (generator.secret(0).unwrap(), generator.secret(43).unwrap());
        assert_eq!((a.expose().len(), b.expose().len()), (43, 43));
        assert_ne!(a, b);
        let (a, b) = (generator.secret(44).unwrap(), generator.secret(64).unwrap());
        assert_eq!((a.expose().len(), b.expose().len()), (86, 86));
        assert_ne!(a, b);
        assert_eq!(generator.id().unwrap().len(), 12);
    }
}
