//! Lines that divide the files of goose and dbmate.

/// Returns the command of a line of goose, such as `Up` for `-- +goose Up`; `None` for a line without a command.
pub fn goose_command(line: &str) -> Option<&str> {
    line.trim().strip_prefix("--")?.trim_start().strip_prefix("+goose ").map(str::trim)
}

/// Returns the command of a line of dbmate, such as `up` for `-- migrate:up transaction:false`; `None` for a line without a
/// command.
pub fn dbmate_command(line: &str) -> Option<&str> {
    let command = line.strip_prefix("--")?.trim_start().strip_prefix("migrate:")?.split_whitespace().next()?;
    ["up", "down"].contains(&command).then_some(command)
}
