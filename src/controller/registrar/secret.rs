//! The Secret of a client that registered itself, as a plan would write it.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use crate::{
    controller::{
        checks::{key_lifecycle::later, requests::Answers},
        credentials::{Credential, Credentials, Previous},
        index::spec::{BindingSpec, ClientSecretSpec, OidcClientSpec},
        marks,
        plan::{BINDING_TYPE, Composition, Generator, SecretMode, SecretWrite, SystemGenerator},
        source::{Kind, ObjectKey},
    },
    realm::{ClientId, Issuer, ObjectName},
    secret::{NoEntropy, Secret, random},
};

/// Whose Secret it is.
pub(super) struct Owner<'a> {
    pub name: &'a ObjectName,
    pub uid: Option<String>,
    pub issuer: &'a Issuer,
    /// When the secret ends that it has had so far.
    pub former_end: Option<Timestamp>,
    pub now: Timestamp,
}

/// The binding in which a secret stands that is ours to make.
pub(super) fn binding(spec: &OidcClientSpec) -> Option<&BindingSpec> {
    match &spec.secret {
        ClientSecretSpec::Binding(binding) if binding.has_secret => Some(binding),
        _ => None,
    }
}

/// The Secret's name.
pub(super) fn name(owner: &ObjectName, binding: &BindingSpec) -> ObjectName {
    ObjectName::new(owner.namespace.clone(), binding.name.clone())
}

/// A first secret.
pub(super) fn first(owner: &Owner<'_>, spec: &OidcClientSpec, binding: &BindingSpec) -> Result<SecretWrite, NoEntropy> {
    write(owner, spec, binding, (None, Answers::default()), SecretMode::Create)
}

/// Another secret over the one that stands there, which is accepted for the overlap.
pub(super) fn next(
    owner: &Owner<'_>,
    spec: &OidcClientSpec,
    binding: &BindingSpec,
    standing: &KubeSecret,
) -> Result<SecretWrite, NoEntropy> {
    let overlap = later(owner.now, binding.rotation.overlap);
    // Not a moment longer than it was promised to be.
    let valid_until = owner.former_end.map_or(overlap, |end| end.min(overlap));
    let previous = value(standing, binding).filter(|_| valid_until > owner.now).map(|value| Previous {
        id: marks::annotation(standing, marks::CREDENTIAL_ID).unwrap_or("former").into(),
        valid_until,
        value,
    });
    write(owner, spec, binding, (previous, Answers::of(standing)), SecretMode::over(standing))
}

/// Another secret over one that stands there and is not to be accepted any more.
pub(super) fn anew(
    owner: &Owner<'_>,
    spec: &OidcClientSpec,
    binding: &BindingSpec,
    standing: &KubeSecret,
) -> Result<SecretWrite, NoEntropy> {
    write(owner, spec, binding, (None, Answers::of(standing)), SecretMode::over(standing))
}

/// What becomes of the secret with an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It stays.
    None,
    /// Another takes over, and it is accepted for a while.
    Next,
    /// It had none; one that is still there from before is about to be removed.
    New,
}

impl Change {
    pub(super) fn of(before: Option<&OidcClientSpec>, renews: bool) -> Self {
        match before.is_some_and(|spec| binding(spec).is_some()) {
            false => Self::New,
            true if renews => Self::Next,
            true => Self::None,
        }
    }

    /// A secret that is too short for what it is to do from now on gives way.
    pub(super) fn over(self, standing: &KubeSecret, spec: &OidcClientSpec, binding: &BindingSpec) -> Self {
        let length = value(standing, binding).map_or(0, |value| value.expose().len());
        if self == Self::None && length < spec.min_secret_length { Self::Next } else { self }
    }
}

fn write(
    owner: &Owner<'_>,
    spec: &OidcClientSpec,
    binding: &BindingSpec,
    (previous, answers): (Option<Previous>, Answers),
    mode: SecretMode,
) -> Result<SecretWrite, NoEntropy> {
    let client_id = spec.client_id.clone().unwrap_or_else(|| ClientId::new(owner.name.name.clone()));
    // Kubernetes keeps times in whole seconds.
    let issued_at = Timestamp::from_second(owner.now.as_second()).unwrap_or(owner.now);
    let id: Arc<str> = random::<9>()?.into();
    let current = Credential {
        id,
        issued_at: Some(issued_at),
        value: SystemGenerator.secret(binding.new_length).map_err(|_| NoEntropy)?,
    };
    let credentials = Credentials { current, previous, answers, is_taken: false };
    let composition = Composition {
        key: &ObjectKey { kind: Kind::OidcClient, name: owner.name.clone() },
        uid: owner.uid.clone(),
        binding,
        client_id: &client_id,
        issuer: owner.issuer,
        taken_from: None,
    };
    Ok(composition.secret(Some(&credentials), mode, BINDING_TYPE.to_owned()))
}

/// The client secret in a Secret of ours.
pub(super) fn value(secret: &KubeSecret, binding: &BindingSpec) -> Option<Secret> {
    let entry = marks::annotation(secret, marks::SECRET_ENTRY).or(binding.secret_entry())?;
    marks::entry(secret, entry).filter(|value| !value.is_empty()).map(Secret::new)
}

/// The client secret that is to be written.
pub(super) fn written(write: &SecretWrite, binding: &BindingSpec) -> Option<Secret> {
    write.data.get(binding.secret_entry()?).cloned()
}
