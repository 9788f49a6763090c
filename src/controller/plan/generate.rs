use crate::{
    jose::{self, KeyAlgorithm},
    secret::{Secret, random, unguessable},
};

/// Where new secrets come from; a test passes one whose answers it knows.
pub trait Generator: Send {
    /// A client secret: 256 bits as base64url.
    ///
    /// # Errors
    /// [`jose::Error::Crypto`] where the machine has no entropy.
    fn secret(&mut self) -> Result<Secret, jose::Error>;

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
    fn secret(&mut self) -> Result<Secret, jose::Error> {
        Ok(Secret::new(unguessable()?))
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
        let (a, b) = (generator.secret().unwrap(), generator.secret().unwrap());
        assert_eq!(a.expose().len(), 43);
        assert_ne!(a, b);
        assert_eq!(generator.id().unwrap().len(), 12);
    }
}
