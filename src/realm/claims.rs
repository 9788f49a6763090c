use std::{collections::BTreeSet, sync::Arc};

use cel::{
    Context, Program,
    common::ast::{Expr, IdedExpr},
};
use serde_json::{Map, Value};

use super::split_tag;

/// Expressions are refused when longer than this many bytes.
pub const MAX_EXPRESSION_LENGTH: usize = 1024;
/// `map`, `filter`, `all`, `exists` and `exists_one` may stand in one another this deep: with every list of a resource bounded, so is
/// the cost.
pub const MAX_COMPREHENSION_DEPTH: usize = 2;
/// A claim whose JSON is longer than this many bytes is left out.
pub const MAX_CLAIM_LENGTH: usize = 8 * 1024;

const VARIABLES: [&str; 3] = ["user", "client", "request"];

/// A CEL expression over `user`, `client` and `request`, compiled once and bounded in its cost.
#[derive(Debug)]
pub(super) struct Expression(Program);

/// The claim rules of a realm, each compiled once.
#[derive(Debug, Default)]
pub struct ClaimRules(Vec<ClaimRule>);

#[derive(Debug)]
struct ClaimRule {
    name: Arc<str>,
    expression: Expression,
}

/// Why a claim rule can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidClaimRule {
    /// The expression does not parse.
    #[error("the expression does not parse: {0}")]
    Syntax(String),
    /// It is longer than [`MAX_EXPRESSION_LENGTH`].
    #[error("the expression is longer than {MAX_EXPRESSION_LENGTH} bytes")]
    TooLong,
    /// Comprehensions stand in one another deeper than [`MAX_COMPREHENSION_DEPTH`].
    #[error("comprehensions (map, filter, all, exists) may nest {MAX_COMPREHENSION_DEPTH} deep at the most")]
    TooCostly,
    /// It names something that is not there.
    #[error("there is no variable \"{0}\": use user, client or request")]
    UnknownVariable(String),
    /// The claim is one that the provider itself sets.
    #[error("the claim \"{0}\" is set by the provider and can't be replaced")]
    Reserved(String),
}

/// Claims that no rule may set: those of the tokens themselves (RFC 7519 section 4.1, OpenID Connect Core section 2, RFC 9068),
/// and those that tell of others (OpenID Connect Core section 5.6.2).
pub const RESERVED_CLAIMS: [&str; 23] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "client_id",
    "scope",
    "cnf",
    "act",
    "may_act",
    "_claim_names",
    "_claim_sources",
];

/// The variables of an expression.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    /// `user`; null where a client acts for itself.
    pub user: &'a Value,
    /// `client`.
    pub client: &'a Value,
    /// `request`.
    pub request: &'a Value,
}

impl Variables<'_> {
    /// None where a value is nothing that CEL knows.
    pub(super) fn context(&self) -> Option<Context<'static>> {
        let mut context = Context::default();
        for (name, value) in VARIABLES.iter().zip([self.user, self.client, self.request]) {
            context.add_variable(*name, value).ok()?;
        }
        Some(context)
    }
}

impl ClaimRules {
    /// Compiles rules, each a claim's name and its expression. On error, the index of the first rule that is wrong comes with it.
    ///
    /// # Errors
    /// [`InvalidClaimRule`] says what to mend.
    pub fn compile<'a>(rules: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, (usize, InvalidClaimRule)> {
        let compile = |(index, (name, expression))| compile_rule(name, expression).map_err(|error| (index, error));
        rules.into_iter().enumerate().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Names of the claims, for `claims_supported`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| &*rule.name)
    }

    /// True where there is no rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Evaluates the rules that `wanted` accepts and adds their claims to `into`. A rule that fails (a missing attribute) or gives null
    /// adds nothing.
    pub fn evaluate(&self, wanted: impl Fn(&str) -> bool, variables: Variables<'_>, into: &mut Map<String, Value>) {
        let Some(context) = variables.context() else { return };
        for rule in self.0.iter().filter(|rule| wanted(&rule.name)) {
            let value = rule.expression.evaluate(&context);
            into.extend(value.map(|value| (rule.name.to_string(), value)));
        }
    }
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`InvalidClaimRule`] says what to mend.
    pub(super) fn compile(text: &str) -> Result<Self, InvalidClaimRule> {
        if text.len() > MAX_EXPRESSION_LENGTH {
            return Err(InvalidClaimRule::TooLong);
        }
        let program = Program::compile(text).map_err(|errors| InvalidClaimRule::Syntax(errors.to_string()))?;
        let mut bound = BTreeSet::new();
        if depth(program.expression(), &mut bound) > MAX_COMPREHENSION_DEPTH {
            return Err(InvalidClaimRule::TooCostly);
        }
        let unknown = program
            .references()
            .variables()
            .into_iter()
            .find(|name| !VARIABLES.contains(name) && !bound.contains(*name) && !name.starts_with('@'))
            .map(str::to_owned);
        match unknown {
            Some(variable) => Err(InvalidClaimRule::UnknownVariable(variable)),
            None => Ok(Self(program)),
        }
    }

    /// None where it fails, gives null, or more than [`MAX_CLAIM_LENGTH`] bytes.
    pub(super) fn evaluate(&self, context: &Context<'_>) -> Option<Value> {
        let value = self.0.execute(context).ok()?.json().ok()?;
        (!value.is_null() && value.to_string().len() <= MAX_CLAIM_LENGTH).then_some(value)
    }
}

/// A claim that the provider sets by itself can't be computed, in no language.
pub(super) fn check_name(name: &str) -> Result<(), InvalidClaimRule> {
    match RESERVED_CLAIMS.contains(&split_tag(name).0) {
        true => Err(InvalidClaimRule::Reserved(name.to_owned())),
        false => Ok(()),
    }
}

fn compile_rule(name: &str, expression: &str) -> Result<ClaimRule, InvalidClaimRule> {
    check_name(name)?;
    Ok(ClaimRule { name: name.into(), expression: Expression::compile(expression)? })
}

/// How deep comprehensions nest; collects the variables that they bind.
fn depth(expression: &IdedExpr, bound: &mut BTreeSet<String>) -> usize {
    let mut deepest =
        |children: &mut dyn Iterator<Item = &IdedExpr>| children.map(|child| depth(child, bound)).max().unwrap_or(0);
    match &expression.expr {
        Expr::Call(call) => deepest(&mut call.target.as_deref().into_iter().chain(&call.args)),
        Expr::Comprehension(inner) => {
            let parts = [&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result];
            let below = deepest(&mut parts.into_iter());
            bound.insert(inner.iter_var.clone());
            bound.extend(inner.iter_var2.clone());
            bound.insert(inner.accu_var.clone());
            below + 1
        }
        Expr::List(list) => deepest(&mut list.elements.iter()),
        Expr::Select(select) => depth(&select.operand, bound),
        Expr::Map(map) => map.entries.iter().map(|entry| entry_depth(&entry.expr, bound)).max().unwrap_or(0),
        Expr::Struct(object) => object.entries.iter().map(|entry| entry_depth(&entry.expr, bound)).max().unwrap_or(0),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => 0,
    }
}

fn entry_depth(entry: &cel::common::ast::EntryExpr, bound: &mut BTreeSet<String>) -> usize {
    use cel::common::ast::EntryExpr;
    match entry {
        EntryExpr::StructField(field) => depth(&field.value, bound),
        EntryExpr::MapEntry(entry) => depth(&entry.key, bound).max(depth(&entry.value, bound)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{ClaimRules, InvalidClaimRule, Variables};

    fn evaluate(expression: &str) -> Option<Value> {
        let rules = ClaimRules::compile([("claim", expression)]).unwrap();
        let user = json!({"username": "ada", "attributes": {"department": ["maths"]}, "groups": ["a", "bb"]});
        let mut claims = Map::new();
        let variables = Variables { user: &user, client: &json!({"id": "app"}), request: &json!({}) };
        rules.evaluate(|_| true, variables, &mut claims);
        claims.remove("claim")
    }

    #[test]
    fn a_rule_reads_the_user_and_a_failing_one_adds_nothing() {
        assert_eq!(evaluate("user.attributes.department[0]"), Some(json!("maths")));
        assert_eq!(evaluate("user.groups.filter(g, size(g) > 1)"), Some(json!(["bb"])));
        assert_eq!(evaluate("{'who': user.username, 'at': client.id}"), Some(json!({"who": "ada", "at": "app"})));
        assert_eq!(evaluate("user.attributes.missing[0]"), None);
        assert_eq!(evaluate("null"), None);
    }

    #[test]
    fn a_rule_that_can_not_be_used_says_why() {
        let error = |name: &str, expression: &str| ClaimRules::compile([("ok", "1"), (name, expression)]).unwrap_err();
        assert!(matches!(error("a", "user."), (1, InvalidClaimRule::Syntax(_))));
        assert_eq!(error("sub", "1"), (1, InvalidClaimRule::Reserved("sub".into())));
        assert_eq!(error("a", "usr.name"), (1, InvalidClaimRule::UnknownVariable("usr".into())));
        assert_eq!(error("a", &"1+".repeat(600)), (1, InvalidClaimRule::TooLong));
        let deep = "user.groups.map(a, user.groups.map(b, user.groups.map(c, c)))";
        assert_eq!(error("a", deep), (1, InvalidClaimRule::TooCostly));
    }
}
