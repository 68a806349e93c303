//! What the world sees over HTTP: the routes, the interface for programs, pages, and the headers of
//! every answer.

pub mod api;
pub mod assets;
pub mod extract;
pub mod face;
<<<<<<< HEAD
pub mod fragments;
=======
pub mod headers;
>>>>>>> e4211f7 (The REST interface: every route in one list with its rate and size, and the command line)
pub mod l10n;
pub mod pages;
pub mod problem;
pub mod render;
pub mod router;
