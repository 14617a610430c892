//! The program `seedbed`: parse arguments, run, print the failure, exit.

fn main() {}
