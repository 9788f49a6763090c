use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use thirtyfour::{
    By, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver, WebElement, common::log::LoggingPrefsLogLevel,
};

use crate::control_plane::{
    process::{Process, free_port, work_folder},
    wait::eventually,
};

/// Debian's Chromium behind its driver, with a profile of its own; both end with this value.
pub struct Chromium {
    pub driver: WebDriver,
    driver_url: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Chromium {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(&[], json!({})).await
    }

    /// Starts one with more arguments, and with preferences.
    pub async fn start_with(arguments: &[&str], preferences: Value) -> Self {
        let (chromium, chromedriver) = (installed("chromium"), installed("chromedriver"));
        let folder = work_folder("chromium");
        let wrapper = folder.path().join("chromium");
        // The browser is the driver's child, not ours: it, too, is to end with the one who started it.
        let script = format!("#!/bin/sh\nexec setpriv --pdeathsig KILL {} \"$@\"\n", chromium.display());
        fs::write(&wrapper, script).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let process = Process::start(&chromedriver, folder.path(), "chromedriver", |command| {
            command.arg(format!("--port={port}")).env("HOME", folder.path()).env("TMPDIR", folder.path());
        });
        let driver_url = format!("http://127.0.0.1:{port}");
        let http = reqwest::Client::new();
        eventually("chromedriver", Duration::from_secs(20), || http.get(format!("{driver_url}/status")).send()).await;
        let mut capabilities = capabilities(&wrapper, folder.path(), arguments);
        capabilities.add_experimental_option("prefs", preferences).unwrap();
        let driver = WebDriver::new(&driver_url, capabilities).await;
        let driver = driver.unwrap_or_else(|error| panic!("chromium does not start: {error}\n{}", process.log_tail()));
        Self { driver, driver_url, _process: process, _folder: folder }
    }

    /// Sends a command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) {
        let url = format!("{}/session/{}/goog/cdp/execute", self.driver_url, self.driver.session_id());
        let body = json!({"cmd": command, "params": parameters}).to_string();
        let answer = reqwest::Client::new().post(url).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// What `prefers-color-scheme` says.
    pub async fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// The window's size in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Opens a page.
    pub async fn goto(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
    }

    /// The one element of this CSS selector, as soon as it is there.
    pub async fn find(&self, selector: &str) -> WebElement {
        eventually(selector, Duration::from_secs(10), || async {
            match self.driver.find(By::Css(selector)).await {
                Ok(element) => Ok(element),
                Err(_) => Err(format!("{} {}", self.driver.current_url().await.unwrap(), self.text().await)),
            }
        })
        .await
    }

    /// Types into a field.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks what leads to another page, and waits until that has taken the place of this one.
    pub async fn click(&self, selector: &str) {
        self.script("window.isBefore = true").await;
        self.find(selector).await.click().await.unwrap();
        self.until_replaced(selector).await;
    }

    async fn until_replaced(&self, what: &str) {
        eventually(&format!("another page after {what}"), Duration::from_secs(10), || async {
            let script = "return !window.isBefore && document.readyState === 'complete'";
            let replaced = self.driver.execute(script, Vec::new()).await.map_err(|error| error.to_string())?;
            if *replaced.json() == true { Ok(()) } else { Err("the page is as it was".to_owned()) }
        })
        .await;
    }

    /// What stands on the page.
    pub async fn text(&self) -> String {
        self.script("return document.body.innerText").await.as_str().unwrap().to_owned()
    }

    /// Waits until this stands on the page.
    pub async fn until_text(&self, part: &str) {
        eventually(&format!("\"{part}\" on the page"), Duration::from_secs(10), || async {
            let text = self.text().await;
            text.contains(part).then_some(()).ok_or(text)
        })
        .await;
    }

    /// Runs a script in the page, and returns what it returns.
    pub async fn script(&self, script: &str) -> Value {
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Keeps a picture of the page as an artifact of the run.
    pub async fn screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts/screenshots");
        fs::create_dir_all(&folder).unwrap();
        self.driver.screenshot(&folder.join(format!("{name}.png"))).await.unwrap();
    }

    /// What the browser complained about: a blocked style, a missing file, a page in a frame.
    pub async fn complaints(&self) -> Vec<String> {
        let url = format!("{}/session/{}/se/log", self.driver_url, self.driver.session_id());
        let answer = reqwest::Client::new().post(url).body(r#"{"type":"browser"}"#).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["value"].as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Ends the browser as a person does.
    pub async fn quit(self) {
        self.driver.clone().quit().await.unwrap();
    }
}

fn capabilities(chromium: &Path, folder: &Path, more: &[&str]) -> thirtyfour::ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.set_binary(chromium.to_str().unwrap()).unwrap();
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1100,800",
        &format!("--user-data-dir={}", folder.join("profile").display()),
    ] {
        capabilities.add_arg(argument).unwrap();
    }
    for argument in more {
        capabilities.add_arg(argument).unwrap();
    }
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
    capabilities
}

/// Where a program stands; the sentence of its absence says what to install.
fn installed(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("{name} is needed by this test: run scripts/setup, or install Debian's packages chromium and chromium-driver")
    })
}
