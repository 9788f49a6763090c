//! README.md works as it is printed.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    readme::{matches, repository, run_section},
    serve::Serve,
};

#[tokio::test]
async fn the_tour_with_curl_works_as_printed() {
    let files = ["realm.yaml", "clients.yaml", "people.yaml"]
        .map(|name| (name, repository(&format!("examples/quickstart/{name}"))));
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let serve = Serve::start(&files, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("examples")).unwrap();
    symlink(serve.manifests(), folder.path().join("examples/quickstart")).unwrap();

    let url = serve.public_url.clone();
    run_section("Five minutes with curl", 0, folder.path(), "", |script| script.replace("http://localhost:8080", &url));
}

#[test]
fn the_pattern_of_the_tour_is_no_rubber_stamp() {
    assert!(matches("{\"a\":…,\"b\":…}", "{\"a\":1,\"b\":2}"));
    assert!(!matches("{\"a\":…,\"b\":…}", "{\"a\":1,\"c\":2}"));
    assert!(!matches("200\n400", "200\n200"));
    assert!(!matches("a…", "ba"));
}

#[test]
fn the_readme_names_every_command_and_option() {
    let readme = repository("README.md");
    for command in commands(&[]) {
        assert!(readme.contains(&format!("`realmkeeper {command}")), "README.md does not name the command {command}");
        let options = options(&[&command]);
        assert!(options.len() > 5 || !matches!(&*command, "serve" | "operator"), "the help is read: {options:?}");
        // Those of the plugin have a page of their own.
        for option in options.iter().filter(|_| command != "kubectl") {
            assert!(readme.contains(&format!("`--{option}`")), "README.md does not name {command} --{option}");
        }
    }
}

#[test]
fn the_page_of_the_plugin_names_every_command_and_option() {
    let page = repository("docs/kubectl.md");
    for command in commands(&["kubectl"]) {
        assert!(page.contains(&format!("`kubectl realmkeeper {command}")), "docs/kubectl.md does not name {command}");
        let options = options(&["kubectl", &command]);
        assert!(options.len() > 4, "the help is read: {options:?}");
        for option in options {
            assert!(page.contains(&format!("`--{option}`")), "docs/kubectl.md does not name {command} --{option}");
        }
    }
}

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_realmkeeper")).args(command).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The commands below this one.
fn commands(above: &[&str]) -> Vec<String> {
    let text = help(above);
    let list = text.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

fn options(command: &[&str]) -> Vec<String> {
    let text = help(command);
    let long = text.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("--").or_else(|| line.get(2..)?.strip_prefix(", --").filter(|_| line.starts_with('-')))
    });
    let names = long.map(|rest| rest.split([' ', '=']).next().unwrap().to_owned());
    names.filter(|name| !matches!(&**name, "help" | "version")).collect()
}

#[test]
fn links_of_the_documentation_lead_somewhere() {
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/workloads.md",
        "docs/kubectl.md",
        "docs/kubernetes-api.md",
        "docs/performance.md",
    ] {
        let text = repository(page);
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.starts_with("http") {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page).parent().unwrap().join(target);
                assert!(path.exists(), "{page} links to {target}");
            }
        }
    }
}

#[test]
fn the_quickstart_passes_its_own_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let output = Command::new(env!("CARGO_BIN_EXE_realmkeeper")).arg("check").arg(folder).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
