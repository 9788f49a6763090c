use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    gather::Scope,
    problems::{Problem, Severity},
    report::{
        Entry, GroupDetail, NotVisible, OidcClientDetail, Presence, RealmReport, Report, SigningKeyDetail, State,
        UserDetail,
    },
};
use crate::{
    api::{KeyState, KeyUse, SigningKeyVersion, TokenEndpointAuthMethod},
    plugin::{
        names::Kind,
        output::{Palette, Tone, Tree, counted, plain, relative, span},
        seen::Place,
    },
};

/// More good objects of a kind are counted only.
const FOLD: usize = 8;

/// How a report is drawn for people.
#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    /// The colours.
    pub palette: Palette,
    /// What ages are counted from.
    pub now: Timestamp,
    /// Nothing is folded.
    pub all: bool,
}

impl Drawing {
    /// What is wrong, then a tree for each Realm.
    pub fn draw(&self, report: &Report, scope: &Scope) -> String {
        let mut text = self.summary(report);
        for problem in &report.problems {
            text.push_str(&self.problem(problem));
        }
        for hidden in &report.not_visible {
            text.push_str(&format!("{}\n", self.palette.paint(Tone::Waiting, &unseen(hidden))));
        }
        if report.realms.is_empty() {
            text.push_str(&format!("there are no Realms in {}", scope.place()));
            text.push_str(if scope.namespace.is_some() { " (-A looks into all namespaces)\n" } else { "\n" });
        }
        for realm in &report.realms {
            text.push('\n');
            text.push_str(&self.realm(realm, report).to_string());
        }
        text
    }

    fn summary(&self, report: &Report) -> String {
        let count = counted(report.problem_count, "problem", "problems");
        let tone = match report.problems.first().map(|problem| problem.severity) {
            None => Tone::Good,
            Some(Severity::Error) => Tone::Bad,
            Some(Severity::Waiting) => Tone::Waiting,
        };
        let limits = if report.not_visible.is_empty() { "" } else { " in what you may see" };
        format!("{}{limits}\n", self.palette.paint(tone, &count))
    }

    fn problem(&self, problem: &Problem) -> String {
        let (mark, tone) = match problem.severity {
            Severity::Error => ("✗", Tone::Bad),
            Severity::Waiting => ("…", Tone::Waiting),
        };
        let Problem { kind, place, reason, .. } = problem;
        let mut about: Vec<_> =
            problem.conditions.iter().map(|condition| format!("{} {}", condition.type_, condition.status)).collect();
        about.extend(problem.since.map(|since| format!("since {}", relative(since, self.now))));
        let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
        format!(
            "{mark} {kind} {place}: {}{}\n  {}\n",
            self.palette.paint(tone, &plain(reason)),
            self.palette.paint(Tone::Faint, &plain(&about)),
            plain(&problem.message).replace('\n', "\n  "),
            mark = self.palette.paint(tone, mark),
        )
    }

    fn realm(&self, realm: &RealmReport, report: &Report) -> Tree {
        let name = self.palette.paint(Tone::Strong, &format!("Realm {}", realm.place));
        let head = match (realm.presence, &realm.state) {
            (Presence::NotFound, _) => format!("{} {name}, which is not there", self.palette.paint(Tone::Waiting, "…")),
            (Presence::NotVisible, _) | (_, None) => format!("{name}, which you may not see"),
            (Presence::Found, Some(state)) => {
                let issuer = realm.issuer.as_deref().map(|issuer| format!("\nissuer {}", plain(issuer)));
                format!("{} {name}{}{}", self.mark(state), self.states(state), issuer.unwrap_or_default())
            }
        };
        let attached = realm.attached.unwrap_or_default();
        let kinds = [
            self.kind(Kind::SigningKey, &realm.signing_keys, |d, e| d.signing_key(e, &realm.place)),
            self.kind(Kind::OidcClient, &realm.oidc_clients, |d, e| d.oidc_client(e, &realm.place)),
            self.kind(Kind::User, &realm.users, |d, e| d.user(e, &realm.place)),
            self.kind(Kind::Group, &realm.groups, |d, e| d.group(e, &realm.place)),
        ];
        let counts = [None, Some(attached.oidc_clients), Some(attached.users), Some(attached.groups)];
        let order = [Kind::SigningKey, Kind::OidcClient, Kind::User, Kind::Group];
        let mut tree = Tree::new(head);
        for ((kind, count), drawn) in order.into_iter().zip(counts).zip(kinds) {
            let is_hidden =
                report.not_visible.iter().any(|hidden| hidden.kind == kind && hidden.except_namespace.is_none());
            match (drawn, is_hidden) {
                (Some(drawn), _) => tree.push(drawn),
                (None, true) => {
                    let count = count.filter(|_| realm.attached.is_some()).map(|count| format!("{count} "));
                    let text = format!("{kind}s: {}not visible to you", count.unwrap_or_default());
                    tree.push(self.palette.paint(Tone::Faint, &text));
                }
                (None, false) => {}
            }
        }
        tree
    }

    /// The objects of a kind, those with problems first; none where there are none.
    fn kind<D>(&self, kind: Kind, entries: &[Entry<D>], draw: impl Fn(&Self, &Entry<D>) -> Tree) -> Option<Tree> {
        if entries.is_empty() {
            return None;
        }
        let good = entries.iter().filter(|entry| !entry.state.is_wrong).count();
        let folds = good > FOLD && !self.all;
        let mut tree = Tree::new(format!("{kind}s ({})", entries.len()));
        for entry in entries.iter().filter(|entry| entry.state.is_wrong || !folds) {
            tree.push(draw(self, entry));
        }
        if folds {
            let more = format!("{good} without problems (--all shows them)");
            tree.push(format!("{} {more}", self.palette.paint(Tone::Good, "✓")));
        }
        Some(tree)
    }

    fn signing_key(&self, entry: &Entry<SigningKeyDetail>, realm: &Place) -> Tree {
        let detail = &entry.detail;
        let mut facts = Vec::new();
        facts.extend(detail.algorithm.map(|algorithm| algorithm.to_string()));
        if detail.use_ == Some(KeyUse::Enc) {
            facts.push("for encryption".to_owned());
        }
        facts.extend(detail.next_rotation.map(|next| format!("next rotation {}", relative(next, self.now))));
        if detail.rotation_requested {
            facts.push("rotation requested".to_owned());
        }
        let mut tree = self.entry(&entry.place, &entry.state, realm, &facts);
        // A ring remembers keys that are long gone.
        let is_gone = |key: &&SigningKeyVersion| key.state == KeyState::Removed;
        for key in detail.keys.iter().filter(|key| self.all || !is_gone(key)) {
            tree.push(self.key(key));
        }
        for key in &detail.lost_keys {
            let since = relative(key.noticed_at.0, self.now);
            let facts = format!("missed since {since}, Secret {}", plain(&key.secret_name));
            tree.push(format!("{} {} ({facts})", self.palette.paint(Tone::Bad, "Lost"), plain(&key.kid)));
        }
        let gone = detail.keys.iter().filter(is_gone).count();
        if gone > 0 && !self.all {
            tree.push(self.palette.paint(Tone::Faint, &format!("{gone} removed")));
        }
        tree
    }

    fn key(&self, key: &SigningKeyVersion) -> String {
        let tone = match key.state {
            KeyState::Active => Tone::Good,
            KeyState::Pending | KeyState::Published => Tone::Waiting,
            KeyState::Revoked => Tone::Bad,
            KeyState::Retired | KeyState::Removed => Tone::Faint,
        };
        let mut facts = Vec::new();
        let mut time = |at: Option<&Time>, past: &str, future: &str| {
            facts.extend(
                at.map(|at| format!("{} {}", if at.0 > self.now { future } else { past }, relative(at.0, self.now))),
            );
        };
        time(key.published_at.as_ref(), "published", "in the JWKS");
        time(key.activated_at.as_ref(), "active since", "takes over");
        if !matches!(key.state, KeyState::Active | KeyState::Revoked) {
            time(key.removed_at.as_ref(), "left the JWKS", "leaves the JWKS");
        }
        time(key.restored_at.as_ref(), "restored", "restored");
        facts.push(format!("Secret {}", plain(&key.secret_name)));
        let state = self.palette.paint(tone, &format!("{:?}", key.state));
        format!("{state} {} ({})", plain(&key.kid), facts.join(", "))
    }

    fn oidc_client(&self, entry: &Entry<OidcClientDetail>, realm: &Place) -> Tree {
        let detail = &entry.detail;
        let mut facts = Vec::new();
        facts.extend(detail.client_id.as_ref().map(|id| format!("client id {}", plain(id))));
        if detail.registered {
            facts.push("registered itself".to_owned());
        }
        match (detail.token_endpoint_auth_method, &detail.credentials) {
            (Some(TokenEndpointAuthMethod::None), _) => facts.push("public".to_owned()),
            (Some(TokenEndpointAuthMethod::PrivateKeyJwt), None) => facts.push("without a secret".to_owned()),
            _ => {}
        }
        facts.extend(detail.secret_name.as_ref().map(|name| format!("Secret {}", plain(name))));
        if let Some(current) = detail.credentials.iter().find_map(|credentials| credentials.current.as_ref()) {
            let age = current.issued_at.as_ref().map(|at| self.now.as_second().saturating_sub(at.0.as_second()));
            facts.extend(age.map(|age| format!("credentials {} old", span(age.max(0)))));
            facts.extend(current.rotate_after.as_ref().map(|at| format!("next rotation {}", relative(at.0, self.now))));
        }
        if let Some(previous) = detail.credentials.iter().find_map(|credentials| credentials.previous.as_ref()) {
            let left = previous.valid_until.0.as_second().saturating_sub(self.now.as_second());
            facts.push(match left {
                1.. => format!("the former are valid for {}", span(left)),
                _ => "the former have expired".to_owned(),
            });
            // Somebody has not taken up the new ones.
            facts.extend(previous.last_used.as_ref().map(|at| format!("used last {}", relative(at.0, self.now))));
        }
        if detail.rotation_requested {
            facts.push("rotation requested".to_owned());
        }
        self.entry(&entry.place, &entry.state, realm, &facts)
    }

    fn user(&self, entry: &Entry<UserDetail>, realm: &Place) -> Tree {
        let mut facts = Vec::new();
        facts.extend(entry.detail.username.as_deref().filter(|name| *name != entry.place.name).map(plain));
        if entry.detail.enabled == Some(false) {
            facts.push("disabled".to_owned());
        }
        self.entry(&entry.place, &entry.state, realm, &facts)
    }

    fn group(&self, entry: &Entry<GroupDetail>, realm: &Place) -> Tree {
        let members = entry.detail.members.map(|count| counted(count as usize, "member", "members"));
        let facts: Vec<_> = members.into_iter().collect();
        self.entry(&entry.place, &entry.state, realm, &facts)
    }

    fn entry(&self, place: &Place, state: &State, realm: &Place, facts: &[String]) -> Tree {
        // As one would name it from the Realm's namespace.
        let name = if place.namespace == realm.namespace { place.name.clone() } else { place.to_string() };
        let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join(", ")) };
        Tree::new(format!("{} {name}{}{facts}", self.mark(state), self.states(state)))
    }

    fn mark(&self, state: &State) -> String {
        let (mark, tone) = match (&*state.ready.status, state.is_wrong) {
            ("True", false) => ("✓", Tone::Good),
            ("False", _) => ("✗", Tone::Bad),
            // A frozen object has no status to speak of.
            _ if state.frozen && !state.is_wrong => ("✓", Tone::Good),
            _ => ("…", Tone::Waiting),
        };
        self.palette.paint(tone, mark)
    }

    fn states(&self, state: &State) -> String {
        let mut text = String::new();
        if state.ready.status != "True" {
            text.push_str(&format!(" {}", plain(&state.ready.reason)));
        }
        if state.frozen {
            text.push_str(" frozen");
        }
        if state.deleting {
            text.push_str(" being deleted");
        }
        self.palette.paint(Tone::Waiting, &text)
    }
}

fn unseen(hidden: &NotVisible) -> String {
    let NotVisible { kind, except_namespace } = hidden;
    match except_namespace {
        Some(namespace) => {
            format!("not shown: {kind}s of other namespaces than {namespace} (you may not list them there)")
        }
        None => format!("not shown: {kind}s (you may not list them)"),
    }
}
