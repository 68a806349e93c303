//! Pages: view structs, their handlers, and the forms that work without scripts.

pub mod frame;
pub mod shell;
pub mod timeline;
