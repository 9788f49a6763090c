mod authorization_code;
mod client_credentials;
mod endpoint;
mod races;
mod refresh_token;
