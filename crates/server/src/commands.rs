//! The subcommands of `renkei`.
