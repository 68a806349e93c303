//! Authentication: who asks. Nothing about rooms; rights are `access`.

pub mod account;
pub mod csrf;
pub mod extract;
pub mod guesses;
pub mod login;
pub mod password;
pub mod sign_up;
pub mod tokens;
pub mod tries;

pub use extract::{CurrentUser, authenticate};
pub use login::Auth;
pub use password::Passwords;
pub use sign_up::{NewPerson, sign_up};
