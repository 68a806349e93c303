//! `chapiana user`: passwords come from standard input or are made up here, never from the command line.

use super::Outcome;
use crate::access::WorkspaceRole;
use crate::auth::password::check_new;
use crate::auth::sign_up::clean_email;
use crate::auth::{Passwords, tokens};
use crate::clock::now;
use crate::config::{Config, Settings};
use crate::draft::{clean_handle, clean_name};
use crate::ids::UserId;
use crate::store::{self, Store};
use clap::{Args, Subcommand};
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Args)]
pub struct User {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Create a person. The password is read from standard input, or made up and printed
    Create {
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
        #[arg(long)]
        handle: String,
        #[arg(long, default_value = "member", value_name = "member|admin|owner")]
        role: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Give a person a new password, and end all sessions
    ResetPassword {
        #[arg(long)]
        email: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change what a person is in the workspace
    Promote {
        #[arg(long)]
        email: String,
        #[arg(long, value_name = "member|admin|owner")]
        role: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the people
    List {
        #[command(flatten)]
        settings: Settings,
    },
}

impl User {
    pub async fn run(self) -> Outcome {
        match self.command {
            UserCommand::Create {
                name,
                email,
                handle,
                role,
                settings,
            } => create(&settings, &name, &email, &handle, &role).await,
            UserCommand::ResetPassword { email, settings } => reset(&settings, &email).await,
            UserCommand::Promote {
                email,
                role,
                settings,
            } => promote(&settings, &email, &role).await,
            UserCommand::List { settings } => list(&settings).await,
        }
    }
}

async fn create(settings: &Settings, name: &str, email: &str, handle: &str, role: &str) -> Outcome {
    let config = Config::load(settings)?;
    let store = super::open(&config).await?;
    let password = read_or_make()?;
    check_new(&password, &[name, handle])?;
    let first = !store.has_people().await?;
    let user = store::User {
        id: UserId(Uuid::now_v7()),
        name: clean_name(name)?,
        handle: clean_handle(handle)?,
        email: clean_email(email)?,
        password: Passwords::new(config.password_cost).hash(&password).await?,
        role: if first {
            WorkspaceRole::Owner
        } else {
            role_of(role)?
        },
        title: String::new(),
        tz: String::new(),
        active: true,
        created_at: now(),
    };
    match store.create_user(&user, first).await? {
        Ok(()) => {
            println!("created {} ({})", user.id, user.role.as_str());
            Ok(ExitCode::SUCCESS)
        }
        Err(taken) => Err(format!("not created: {taken:?} is taken").into()),
    }
}

async fn reset(settings: &Settings, email: &str) -> Outcome {
    let config = Config::load(settings)?;
    let store = super::open(&config).await?;
    let user = find(&store, email).await?;
    let password = read_or_make()?;
    check_new(&password, &[&user.name, &user.handle])?;
    let hash = Passwords::new(config.password_cost).hash(&password).await?;
    store.set_password(user.id, &hash).await?;
    for login in store.logins_of(user.id).await? {
        store.delete_login(user.id, login.id).await?;
    }
    println!(
        "the password of {} is new, all sessions have ended",
        user.id
    );
    Ok(ExitCode::SUCCESS)
}

async fn promote(settings: &Settings, email: &str, role: &str) -> Outcome {
    let config = Config::load(settings)?;
    let store = super::open(&config).await?;
    let mut user = find(&store, email).await?;
    user.role = role_of(role)?;
    match store.update_user(&user).await? {
        Ok(()) => println!("{} is {}", user.id, user.role.as_str()),
        Err(taken) => return Err(format!("not changed: {taken:?} is taken").into()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(settings: &Settings) -> Outcome {
    let config = Config::load(settings)?;
    let store = super::open(&config).await?;
    let mut after = None;
    loop {
        let page = store.find_users("", after.clone(), 200).await?;
        for user in &page {
            let (id, role, handle) = (user.id, user.role.as_str(), &user.handle);
            println!("{id}  {role:<6}  @{handle}  {}", user.name.escape_debug());
        }
        match page.last() {
            Some(last) => after = Some((last.name.clone(), last.id)),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

async fn find(store: &Arc<dyn Store>, email: &str) -> Result<store::User, crate::serve::Failure> {
    let email = clean_email(email)?;
    let found = store.user_by_email(&email).await?;
    found.ok_or_else(|| "nobody has that e-mail address".into())
}

fn role_of(text: &str) -> Result<WorkspaceRole, crate::serve::Failure> {
    let role = WorkspaceRole::parse(text);
    role.ok_or_else(|| format!("--role: got {text:?}, wants member, admin or owner").into())
}

/// The first line of standard input; at a terminal, or if it is empty, a fresh password, printed once.
fn read_or_make() -> Result<String, crate::serve::Failure> {
    let mut line = String::new();
    let input = std::io::stdin();
    if !input.is_terminal() {
        input.lock().read_line(&mut line)?;
    }
    let given = line.trim_end_matches(['\r', '\n']);
    if !given.is_empty() {
        return Ok(given.to_owned());
    }
    let made = tokens::hex(&tokens::random::<12>());
    println!("password: {made}");
    Ok(made)
}
