//! What the world sees over HTTP.

pub mod assets;
pub mod face;
pub mod fragments;
pub mod l10n;
pub mod pages;
pub mod render;
