/// A step of a request, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its name, as the module's table has it.
    pub name: &'static str,
    /// How it ended.
    pub passage: Passage,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Nothing speaks against it.
    Passed,
    /// A person must be asked first.
    Asked,
    /// Here it ends.
    Refused,
}

/// Notes the steps as they are taken, for who asks why a request would be refused. On the way of a request nobody does, and it costs
/// nothing.
#[derive(Debug, Default)]
pub(crate) struct Steps(Option<Vec<Step>>);

impl Steps {
    /// Notes nothing.
    pub(crate) fn unnoted() -> Self {
        Self(None)
    }

    /// Notes every step.
    pub(crate) fn noted() -> Self {
        Self(Some(Vec::new()))
    }

    /// Notes a step by its result, which it hands on.
    pub(crate) fn take<T, E>(&mut self, name: &'static str, result: Result<T, E>) -> Result<T, E> {
        self.note(name, if result.is_ok() { Passage::Passed } else { Passage::Refused });
        result
    }

    /// Notes that a person must be asked.
    pub(crate) fn asks(&mut self, name: &'static str) {
        self.note(name, Passage::Asked);
    }

    fn note(&mut self, name: &'static str, passage: Passage) {
        if let Some(steps) = &mut self.0 {
            steps.push(Step { name, passage });
        }
    }

    /// The steps in the order in which they were taken.
    pub(crate) fn into_vec(self) -> Vec<Step> {
        self.0.unwrap_or_default()
    }
}
