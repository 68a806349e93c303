//! What the world sees over HTTP: the routes, the interface for programs, pages, and the headers of
//! every answer.

pub mod api;
pub mod assets;
pub mod extract;
pub mod face;
pub mod fragments;
pub mod headers;
pub mod l10n;
pub mod pages;
pub mod problem;
pub mod render;
pub mod router;
