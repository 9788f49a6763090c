//! What holds of every realm that is served, from a cluster or from a directory: one suite for both. A rule is a function of
//! a [`Served`] realm that nothing has been applied to; [`conformance`] makes a test of each.
//!
//! Whoever includes this file has beside it a `control_plane` module with `wait` in it.

#[path = "agent.rs"]
pub mod agent;
#[path = "registrant.rs"]
pub mod registrant;
#[path = "relying_party.rs"]
pub mod relying_party;
#[path = "served.rs"]
pub mod served;

#[path = "suite_account.rs"]
mod account;
#[path = "suite_code_flow.rs"]
mod code_flow;
#[path = "suite_registration.rs"]
mod registration;
#[path = "suite_resources.rs"]
mod resources;
#[path = "suite_rotation.rs"]
mod rotation;
#[path = "suite_tokens.rs"]
mod tokens;

pub use account::*;
pub use code_flow::*;
pub use registration::*;
pub use resources::*;
pub use rotation::*;
pub use tokens::*;

/// A test of every rule. `$served` is an async function from the rule's name to a fresh [`served::Served`].
macro_rules! conformance {
    ($served:path) => {
        conformance! { $served:
            every_resource_becomes_ready_and_the_secret_has_what_a_client_needs
            children_may_come_before_their_realm
            a_missing_secret_is_waited_for_and_nothing_is_invented
            a_client_is_bounded_by_what_the_realm_allows
            two_clients_of_one_id_are_told_apart_by_age
            a_deleted_client_is_refused_from_then_on
            a_deleted_realm_is_no_longer_served
            an_edited_client_is_live_within_a_second
            nested_groups_reach_the_claim
            a_key_that_is_asked_for_takes_over_without_an_outage
            a_revoked_key_is_refused_at_once
            a_renewed_key_of_somebody_else_takes_over_as_any_other_does
            a_client_secret_that_is_asked_for_takes_over_with_an_overlap
            discovery_says_what_the_realm_allows_and_no_more
            keys_of_both_algorithms_are_published
            client_credentials_give_a_token_that_verifies
            a_wrong_secret_and_an_unknown_client_look_the_same
            refresh_tokens_of_a_public_client_rotate_and_reuse_ends_the_family
            refresh_tokens_of_a_confidential_client_stay
            only_offline_access_outlives_the_session
            a_lost_response_may_be_asked_for_again_within_the_reuse_interval
            userinfo_follows_the_scopes
            introspection_knows_what_is_active
            revocation_ends_what_it_names
            opaque_access_tokens_work_like_the_others
            the_code_flow_ends_in_tokens_that_say_who_signed_in
            a_code_is_good_once_for_its_client_verifier_and_redirect_uri
            a_session_spares_the_second_sign_in
            prompt_and_max_age_are_obeyed
            consent_is_asked_once_and_may_be_refused
            a_wrong_password_says_no_more_than_that
            errors_go_back_only_where_the_redirect_uri_is_known
            form_post_answers_by_a_form
            only_members_of_the_access_groups_get_in
            logout_ends_the_session
            a_client_registers_itself_and_is_usable_at_once
            a_registered_client_looks_after_itself
            an_initial_access_token_is_good_for_so_many_clients
            a_registered_client_that_nobody_uses_is_removed
            a_person_changes_the_password
            a_password_that_is_written_anew_ends_the_sessions_of_the_old_one
            webfinger_leads_from_an_address_to_the_issuer
        }
    };
    ($served:path: $($rule:ident)+) => {
        $(
            #[tokio::test]
            async fn $rule() {
                crate::suite::$rule(&$served(stringify!($rule)).await).await;
            }
        )+
    };
}
pub(crate) use conformance;
