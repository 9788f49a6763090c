//! From where somebody signed in, as the person may recognise it: the browser's family and system, and the address.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// What is looked at of a `User-Agent`.
const MAX_AGENT: usize = 512;

/// Browsers by what tells them, the more particular first: most claim to be others too.
const BROWSERS: [(&str, &str); 13] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
];

/// Systems by what tells them, the more particular first.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("FreeBSD", "FreeBSD"),
    ("Linux", "Linux"),
];

/// From where somebody signed in. What a browser says of itself is not trusted with anything but this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    browser: Option<String>,
    system: Option<String>,
    address: Option<IpAddr>,
}

impl Device {
    /// By the header `User-Agent` (RFC 9110 section 10.1.5), of which only names that are known are kept, and the address.
    pub fn of(user_agent: Option<&str>, address: IpAddr) -> Self {
        let agent: String = user_agent.unwrap_or_default().chars().take(MAX_AGENT).collect();
        let find = |known: &[(&str, &str)]| {
            known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| (*name).to_owned())
        };
        Self { browser: find(&BROWSERS), system: find(&SYSTEMS), address: Some(address) }
    }

    /// The address; none for a session of an earlier version.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

/// `Firefox, Linux`; empty where nothing is known.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.browser, &self.system) {
            (Some(browser), Some(system)) => write!(f, "{browser}, {system}"),
            (Some(one), None) | (None, Some(one)) => f.write_str(one),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::Device;

    #[test]
    fn a_browser_is_called_as_its_user_knows_it() {
        for (agent, want) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                "Safari, macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/140.0 Mobile Safari/604.1",
                "Chrome, iOS",
            ),
            ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
            ("curl/8.5.0", "curl"),
            ("<script>", ""),
            ("", ""),
        ] {
            assert_eq!(Device::of(Some(agent), IpAddr::V4(Ipv4Addr::LOCALHOST)).to_string(), want, "{agent}");
        }
        assert_eq!(Device::of(None, IpAddr::V4(Ipv4Addr::LOCALHOST)).to_string(), "");
    }
}
