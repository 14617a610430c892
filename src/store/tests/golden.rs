//! The formats that other versions read.
