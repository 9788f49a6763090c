/// The API group of every custom resource here.
pub const GROUP: &str = "realmkeeper.dev";
/// The one version that is served so far.
pub const VERSION: &str = "v1alpha1";

/// A Secret is read only where it carries this label with the value [`READABLE_VALUE`]; Secrets are watched by it.
pub const READABLE_LABEL: &str = "realmkeeper.dev/readable";
/// The value of [`READABLE_LABEL`].
pub const READABLE_VALUE: &str = "true";

/// What generated Secrets carry, with the value [`MANAGED_BY_VALUE`].
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY_LABEL`].
pub const MANAGED_BY_VALUE: &str = "realmkeeper";

/// On an OidcClient or a SigningKey: any new value asks for a rotation now, and is echoed in `status.lastRotateRequest`.
pub const ROTATE_ANNOTATION: &str = "realmkeeper.dev/rotate";
/// On a Secret that is not ours, where one of that name is to be generated: `KIND/NAME` of the object that may take it over.
pub const ADOPT_ANNOTATION: &str = "realmkeeper.dev/adopt";
/// On any resource: [`RECONCILE_DISABLED`] freezes writes for the object, while it is served on.
pub const RECONCILE_ANNOTATION: &str = "realmkeeper.dev/reconcile";
/// The value of [`RECONCILE_ANNOTATION`] that freezes writes.
pub const RECONCILE_DISABLED: &str = "disabled";

/// What a client carries that registered itself, with the value [`REGISTERED_VALUE`].
pub const REGISTERED_LABEL: &str = "realmkeeper.dev/registered";
/// The value of [`REGISTERED_LABEL`].
pub const REGISTERED_VALUE: &str = "true";
