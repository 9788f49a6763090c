use crate::{
    controller::registrar::fuzzing::kept,
    provider::fuzzing::{complete, read_metadata},
};

/// The body of a registration request (RFC 7591 section 3.1). What passes all checks of the endpoint and of the resource comes back as it
/// was kept when the client reads it, and may be sent again so (RFC 7592 section 2.2).
pub(super) fn run(data: &[u8]) -> bool {
    let Some(metadata) = read_metadata(data).and_then(|metadata| complete(metadata).ok()) else { return false };
    let Ok(registered) = kept(&metadata) else { return false };
    let again = complete(registered.clone()).expect("what is registered can be sent again");
    assert_eq!(kept(&again).expect("and kept again"), registered);
    true
}
