//! Directories and files that cannot be used.
