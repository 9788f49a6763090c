use std::sync::Arc;

use super::{Authenticated, Method, Refusal, assertion};
use crate::{
    provider::Call,
    realm::{Client, Realm, workload::ClusterIssuer},
};

/// A workload's projected ServiceAccount token as client assertion (RFC 7523 section 3): issued by the cluster that we trust, for
/// our issuer as audience, to a ServiceAccount of the client's own namespace that the client names. The `default` ServiceAccount,
/// which every pod has, is like any other: nothing unless it is named.
///
/// A kubelet hands one token to a pod for most of an hour, so unlike other assertions it may be presented more than once, `jti` or
/// not; a token without `jti`, from a cluster that can't tell it apart, must be young.
pub(super) fn verify(
    call: &Call,
    cluster: &ClusterIssuer,
    client_id: Option<&str>,
    assertion: &str,
) -> Result<Authenticated, Refusal> {
    assertion::check_type(assertion)?;
    // The cluster may have new keys since they were fetched; whoever fetches them keeps its own pace.
    let verified = cluster.keys.verify(assertion).inspect_err(|_| call.provider.cluster.want_refresh());
    let claims: assertion::Claims = verified?;
    if claims.iss != *cluster.issuer {
        return Err(Refusal::claim("iss", "it is not the cluster's issuer"));
    }
    claims.check_audience(|audience| audience == call.realm.issuer.as_str())?;
    claims.check_times(call.now)?;
    if claims.jti.is_none() {
        claims.check_age(cluster.max_age_without_jti, call.now)?;
    }
    let workload = Workload::of(&claims.sub)?;
    let client = match client_id {
        Some(client_id) => {
            let client = call.realm.client(client_id).ok_or(Refusal::UnknownClient)?;
            workload.may_be(client).then_some(client).ok_or(Refusal::UnboundServiceAccount)?
        }
        None => workload.the_one_client(&call.realm)?,
    };
    Ok(Authenticated { client: client.clone(), by: Method::ServiceAccount })
}

/// A ServiceAccount.
struct Workload<'a> {
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Workload<'a> {
    /// Of `system:serviceaccount:NAMESPACE:NAME`.
    fn of(subject: &'a str) -> Result<Self, Refusal> {
        let rest = subject.strip_prefix("system:serviceaccount:");
        let parts = rest.and_then(|rest| rest.split_once(':')).filter(|(_, name)| !name.contains(':'));
        let (namespace, name) = parts.ok_or(Refusal::claim("sub", "it is no ServiceAccount"))?;
        Ok(Self { namespace, name })
    }

    fn may_be(&self, client: &Client) -> bool {
        *client.name.namespace == *self.namespace
            && client.authentication.service_accounts.iter().any(|name| **name == *self.name)
    }

    /// The client that names it, where exactly one does.
    fn the_one_client<'r>(&self, realm: &'r Realm) -> Result<&'r Arc<Client>, Refusal> {
        let mut clients = realm.clients.values().filter(|client| self.may_be(client));
        match (clients.next(), clients.next()) {
            (Some(client), None) => Ok(client),
            _ => Err(Refusal::UnboundServiceAccount),
        }
    }
}
