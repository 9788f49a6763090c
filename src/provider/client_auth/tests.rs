mod client_secret_jwt;
mod jwks_uri;
mod private_key_jwt;
mod secrets;
mod service_account;
