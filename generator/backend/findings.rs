//! Collects the findings of the steps of a backend.

use crate::diagnostic::Diagnostic;

/// The findings of several steps. A step returns its value or its findings; [`Findings::value`] collects the findings
/// and returns an empty value, so that one run reports the findings of all steps.
#[derive(Debug, Default)]
pub struct Findings(Vec<Diagnostic>);

impl Findings {
    /// Returns the value of a step, or the empty value if the step has findings.
    pub fn value<T: Default, F: IntoIterator<Item = Diagnostic>>(&mut self, step: Result<T, F>) -> T {
        step.unwrap_or_else(|findings| {
            self.0.extend(findings);
            T::default()
        })
    }

    pub fn extend(&mut self, findings: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(findings);
    }

    /// Returns the value if there are no findings.
    ///
    /// # Errors
    /// All findings.
    pub fn into_result<T>(self, value: T) -> Result<T, Vec<Diagnostic>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}
