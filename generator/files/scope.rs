//! The uses of folders.

/// The use of a folder. Messages give different advice for each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The folder of the stack, as it is checked out.
    Project,
    /// The output folder.
    Output,
    /// The cache `.nself`.
    Cache,
    /// A folder that the operator named on the command line.
    Operator,
}
