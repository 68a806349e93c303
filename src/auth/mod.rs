//! Authentication: who asks. Nothing about rooms; rights are `access`.

pub mod csrf;
pub mod extract;
pub mod login;
pub mod password;
pub mod tokens;

pub use extract::{CurrentUser, authenticate};
pub use password::Passwords;
