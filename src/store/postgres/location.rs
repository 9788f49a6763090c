//! `postgres://…`, the URL that libpq reads, with what tokio-postgres leaves to us: verification of certificates, files of secrets, the
//! pool's bounds.

use std::{fmt, path::PathBuf, str::FromStr, thread, time::Duration};

use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};

use super::super::LocationError;

/// Where our tables are, unless the URL says otherwise.
const SCHEMA: &str = "realmkeeper";

/// What tokio-postgres reads by itself.
const THEIRS: [&str; 16] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "load_balance_hosts",
];

/// One database and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresLocation {
    /// Host, user, database, and the password that the URL holds.
    pub(super) config: Config,
    /// How TLS is used.
    pub(super) tls: TlsSettings,
    /// The schema of our tables.
    pub(super) schema: String,
    /// A file that holds the password; it is read for each connection.
    pub(super) password_file: Option<PathBuf>,
    /// At most so many connections.
    pub(super) pool_max: usize,
}

/// How TLS is used, as `sslmode` of libpq has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TlsSettings {
    pub(super) verification: Verification,
    /// The certificates that are trusted (PEM); none: the system's.
    pub(super) root_cert: Option<PathBuf>,
    /// Our own certificate and key (PEM).
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

/// What is asked of the server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Verification {
    /// Nothing: `disable`, `prefer`, and `require` without `sslrootcert`.
    #[default]
    None,
    /// An issuer that is trusted: `verify-ca`, and `require` with `sslrootcert`.
    Authority,
    /// That, and the server's name: `verify-full`.
    Full,
}

impl FromStr for PostgresLocation {
    type Err = LocationError;

    fn from_str(url: &str) -> Result<Self, LocationError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut ours = Ours::default();
        let mut theirs = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // A plus is a plus here, as libpq has it.
            let pair_text = pair.replace('+', "%2B");
            for (name, value) in form_urlencoded::parse(pair_text.as_bytes()) {
                if !ours.take(&name, &value)? {
                    if !THEIRS.contains(&&*name) {
                        return Err(LocationError::PostgresParameter);
                    }
                    theirs.push(pair);
                }
            }
        }
        let rest = if theirs.is_empty() { base.to_owned() } else { format!("{base}?{}", theirs.join("&")) };
        // Its error may repeat what it could not read.
        let config = rest.parse::<Config>().map_err(|_| LocationError::PostgresUrl)?;
        ours.complete(config)
    }
}

/// The parameters that are read here.
#[derive(Default)]
struct Ours {
    mode: Option<String>,
    root_cert: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    schema: Option<String>,
    password_file: Option<PathBuf>,
    pool_max: Option<usize>,
}

impl Ours {
    fn take(&mut self, name: &str, value: &str) -> Result<bool, LocationError> {
        let path = || Some(PathBuf::from(value)).filter(|path| !path.as_os_str().is_empty());
        match name {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" => self.root_cert = path(),
            "sslcert" => self.cert = path(),
            "sslkey" => self.key = path(),
            "schema" if is_name(value) => self.schema = Some(value.to_owned()),
            "schema" => return Err(LocationError::PostgresSchema),
            "password_file" => self.password_file = path(),
            "pool_max" => {
                let number = value.parse().ok().filter(|number| (1..=1000).contains(number));
                self.pool_max = Some(number.ok_or(LocationError::PostgresPool)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn complete(self, mut config: Config) -> Result<PostgresLocation, LocationError> {
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(LocationError::PostgresUrl);
        }
        let (mode, verification) = match self.mode.as_deref() {
            Some("disable") => (SslMode::Disable, Verification::None),
            None | Some("prefer") => (SslMode::Prefer, Verification::None),
            Some("require") if self.root_cert.is_none() => (SslMode::Require, Verification::None),
            Some("require") => (SslMode::Require, Verification::Authority),
            Some("verify-ca") => (SslMode::Require, Verification::Authority),
            Some("verify-full") => (SslMode::Require, Verification::Full),
            Some(_) => return Err(LocationError::PostgresTls),
        };
        let client = match (self.cert, self.key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err(LocationError::PostgresTls),
        };
        config.ssl_mode(mode);
        set_defaults(&mut config);
        Ok(PostgresLocation {
            config,
            tls: TlsSettings { verification, root_cert: self.root_cert, client },
            schema: self.schema.unwrap_or_else(|| SCHEMA.to_owned()),
            password_file: self.password_file,
            pool_max: self.pool_max.unwrap_or_else(default_pool),
        })
    }
}

/// A dead server must be noticed in seconds, whatever the network does.
fn set_defaults(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name("realmkeeper");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(3));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(Duration::from_secs(30));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
    }
    // Of several hosts only the one that takes writes is of use.
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
}

/// What a database on its own machine is kept busy by, with as many replicas as there usually are.
fn default_pool() -> usize {
    thread::available_parallelism().map_or(1, usize::from).saturating_mul(2).saturating_add(2).min(50)
}

/// A name that needs no quoting, so that nobody wonders about case.
fn is_name(text: &str) -> bool {
    let is_start = |first: char| first.is_ascii_lowercase() || first == '_';
    text.chars().next().is_some_and(is_start)
        && text.len() <= 63
        && !text.starts_with("pg_")
        && text.chars().all(|letter| is_start(letter) || letter.is_ascii_digit())
}

impl PostgresLocation {
    /// Takes the password from `PGPASSWORD` where neither the URL nor a file holds one.
    pub(in super::super) fn or_password(mut self, password: Option<Vec<u8>>) -> Self {
        if let Some(password) = password
            && self.config.get_password().is_none()
            && self.password_file.is_none()
        {
            self.config.password(password);
        }
        self
    }
}

/// Where it is, without the user and without the password.
impl fmt::Display for PostgresLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        for (number, host) in self.config.get_hosts().iter().enumerate() {
            f.write_str(if number == 0 { "" } else { "," })?;
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            let ports = self.config.get_ports();
            if let Some(port) = ports.get(number).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLocation").field("at", &self.to_string()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> PostgresLocation {
        url.parse().unwrap()
    }

    #[test]
    fn a_url_is_read_as_libpq_reads_it() {
        let location = read("postgresql://ada:s%40crt@db.example.com:5433/state?sslmode=verify-full&pool_max=7");
        assert_eq!(location.config.get_user(), Some("ada"));
        assert_eq!(location.config.get_password(), Some(&b"s@crt"[..]));
        assert_eq!(location.config.get_dbname(), Some("state"));
        assert_eq!(location.tls.verification, Verification::Full);
        assert_eq!((location.pool_max, &*location.schema), (7, "realmkeeper"));
        assert_eq!(location.to_string(), "postgres://db.example.com:5433/state");

        let several = read("postgres://a:1,b:2/state?schema=keeper_1&password_file=/run/a+b&application_name=x%20y");
        assert_eq!(several.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(several.to_string(), "postgres://a:1,b:2/state");
        assert_eq!(several.password_file, Some("/run/a+b".into()));
        assert_eq!((several.config.get_application_name(), &*several.schema), (Some("x y"), "keeper_1"));

        let socket = read("postgres:///state?host=/var/run/postgresql&user=ada");
        assert_eq!(socket.to_string(), "postgres:///var/run/postgresql/state");
    }

    #[test]
    fn each_sslmode_asks_what_it_asks_of_libpq() {
        for (query, mode, verification) in [
            ("", SslMode::Prefer, Verification::None),
            ("sslmode=disable", SslMode::Disable, Verification::None),
            ("sslmode=prefer", SslMode::Prefer, Verification::None),
            ("sslmode=require", SslMode::Require, Verification::None),
            ("sslmode=require&sslrootcert=/ca.pem", SslMode::Require, Verification::Authority),
            ("sslmode=verify-ca&sslrootcert=/ca.pem", SslMode::Require, Verification::Authority),
            ("sslmode=verify-full", SslMode::Require, Verification::Full),
        ] {
            let location = read(&format!("postgres://db/x?{query}"));
            assert_eq!((location.config.get_ssl_mode(), location.tls.verification), (mode, verification), "{query}");
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused_without_being_repeated() {
        for (url, expected) in [
            ("postgres://", LocationError::PostgresUrl),
            ("postgres:hunter2", LocationError::PostgresUrl),
            ("postgres://u:hunter2@db:port/x", LocationError::PostgresUrl),
            ("postgres://u:hunter2@db/x?connect_timeout=hunter2", LocationError::PostgresUrl),
            ("postgres://u:hunter?2@db/x", LocationError::PostgresParameter),
            ("postgres://db/x?password=hunter2&hunter2=1", LocationError::PostgresParameter),
            ("postgres://db/x?sslmode=allow", LocationError::PostgresTls),
            ("postgres://db/x?sslcert=/a", LocationError::PostgresTls),
            ("postgres://db/x?pool_max=0", LocationError::PostgresPool),
            ("postgres://db/x?pool_max=many", LocationError::PostgresPool),
            ("postgres://db/x?schema=a%22b", LocationError::PostgresSchema),
            ("postgres://db/x?schema=Public", LocationError::PostgresSchema),
            ("postgres://db/x?schema=pg_catalog", LocationError::PostgresSchema),
        ] {
            let refusal = url.parse::<PostgresLocation>().unwrap_err();
            assert_eq!(refusal, expected, "{url}");
            assert!(!format!("{refusal} {refusal:?}").contains("hunter"), "{url}");
        }
    }

    #[test]
    fn the_password_is_never_printed_and_the_environment_gives_one_where_nothing_else_does() {
        let location = read("postgres://ada:hunter2@db/x?password=hunter3");
        assert!(!format!("{location} {location:?} {location:#?}").contains("hunter"));
        let password = |url| {
            let location = read(url).or_password(Some(b"given".to_vec()));
            location.config.get_password().map(|password| String::from_utf8(password.to_vec()).unwrap())
        };
        assert_eq!(password("postgres://ada@db/x").as_deref(), Some("given"));
        assert_eq!(password("postgres://ada:own@db/x").as_deref(), Some("own"));
        assert_eq!(password("postgres://ada@db/x?password_file=/a"), None);
    }
}
