use super::*;

fn load(
    flags: &[(&'static str, &str)],
    environment: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let settings = Settings {
        flags: flags
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()))
            .collect(),
        file: None,
    };
    Config::load_with(&settings, &|name| {
        let found = environment.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn without_any_setting_the_defaults_serve() {
    let config = load(&[], &[]).expect("defaults are valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.sign_up, SignUp::Invite);
    assert!(!config.is_secure());
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("chapiana.toml");
    std::fs::write(
        &path,
        "sign_up = \"open\"\nlog-format = \"json\"\nworkspace_name = \"File\"\n",
    )
    .expect("written");
    let settings = Settings {
        flags: BTreeMap::from([("workspace-name", "Flag".to_owned())]),
        file: Some(path),
    };
    let config = Config::load_with(&settings, &|name| match name {
        "CHAPIANA_WORKSPACE_NAME" => Some("Variable".to_owned()),
        "CHAPIANA_LOG_FORMAT" => Some("text".to_owned()),
        _ => None,
    })
    .expect("valid");
    assert_eq!(config.workspace_name, "Flag");
    assert_eq!(config.log_format, LogFormat::Text);
    assert_eq!(config.sign_up, SignUp::Open);
}

#[test]
fn a_wrong_value_names_setting_value_wish_and_source() {
    let error = load(&[], &[("CHAPIANA_SIGN_UP", "maybe")]).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "setting sign-up: got \"maybe\", wants invite or open (from the environment variable CHAPIANA_SIGN_UP)"
    );
    let error = load(&[("listen", "8080")], &[]).expect_err("refused");
    assert_eq!(error.source, Source::Flag);
}

#[test]
fn an_unknown_name_in_the_file_is_refused_with_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("chapiana.toml");
    std::fs::write(&path, "sing_up = \"open\"\n").expect("written");
    let settings = Settings {
        flags: BTreeMap::new(),
        file: Some(path.clone()),
    };
    let error = Config::load_with(&settings, &|_| None).expect_err("refused");
    assert_eq!(
        (error.key.as_str(), &error.source),
        ("sing-up", &Source::File(path))
    );
}

#[test]
fn a_public_url_is_a_scheme_and_a_host_and_nothing_more() {
    for good in [
        "https://chat.example.org",
        "http://localhost:8080",
        "https://chat.example.org/",
    ] {
        assert!(load(&[("public-url", good)], &[]).is_ok(), "{good}");
    }
    for bad in [
        "chat.example.org",
        "ftp://x.org",
        "https://x.org/chat",
        "https://a@x.org",
        "https://X.org",
    ] {
        assert!(load(&[("public-url", bad)], &[]).is_err(), "{bad}");
    }
}

#[test]
fn only_the_exact_own_origin_is_ours() {
    let config = load(&[("public-url", "https://chat.example.org")], &[]).expect("valid");
    assert!(config.is_own_origin("https://chat.example.org", None));
    for foreign in [
        "null",
        "https://chat.example.org.evil.org",
        "http://chat.example.org",
        "",
    ] {
        assert!(
            !config.is_own_origin(foreign, Some("chat.example.org")),
            "{foreign}"
        );
    }
    let config = load(&[], &[]).expect("valid");
    assert!(config.is_own_origin("http://localhost:8080", Some("localhost:8080")));
    assert!(!config.is_own_origin("http://evil.org", Some("localhost:8080")));
    assert!(!config.is_own_origin("null", Some("null")));
}

const SECRET: (&str, &str) = ("cluster-secret", "a-long-enough-secret");

#[test]
fn a_cluster_needs_a_redis_and_a_secret_and_without_redis_a_node_is_by_itself() {
    assert!(load(&[SECRET], &[]).expect("valid").cluster.is_none());
    let config = load(&[("redis", "redis://127.0.0.1:6379"), SECRET], &[]).expect("valid");
    let cluster = config.cluster.expect("there is a Redis");
    assert_eq!(cluster.id, "chapiana");
    assert_eq!(cluster.secrets.count(), 1);
    for (flags, key) in [
        (vec![("redis", "redis://a")], "cluster-secret"),
        (
            vec![("redis", "redis://a"), ("cluster-secret", "short")],
            "cluster-secret",
        ),
        (vec![("redis", "redis://a,b"), SECRET], "redis"),
        (vec![("redis", "http://a"), SECRET], "redis"),
        (vec![("cluster-id", "Chat Room")], "cluster-id"),
        (
            vec![("redis", "redis://a"), ("redis-ca", "/nowhere"), SECRET],
            "redis-ca",
        ),
        (
            vec![("redis", "redis://a"), ("cluster-secret-file", "/nowhere")],
            "cluster-secret-file",
        ),
        (
            vec![
                ("redis", "redis://a"),
                ("cluster-secret-file", "/nowhere"),
                SECRET,
            ],
            "cluster-secret-file",
        ),
    ] {
        let error = load(&flags, &[]).expect_err("refused");
        assert_eq!(error.key, key, "{error}");
    }
}

#[test]
fn secrets_come_from_a_file_too_and_are_never_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("secret");
    std::fs::write(&path, "the-new-secret-of-all\nthe-old-secret-of-all\n").expect("written");
    let file = path.display().to_string();
    let redis = ("redis", "redis://:hunter2hunter2@127.0.0.1");
    let config = load(&[redis, ("cluster-secret-file", &file)], &[]).expect("valid");
    assert_eq!(
        config
            .cluster
            .as_ref()
            .map(|cluster| cluster.secrets.count()),
        Some(2)
    );
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("secret-of-all") && !shown.contains("hunter2"),
        "{shown}"
    );
    for flags in [
        [("redis", "http://:hunter2hunter2@127.0.0.1"), SECRET],
        [
            ("redis", "redis://127.0.0.1"),
            ("cluster-secret", "hunter2"),
        ],
    ] {
        let error = load(&flags, &[]).expect_err("refused").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_store_is_a_folder_or_a_keyspace_and_its_password_may_stand_in_a_file() {
    let config = load(&[("store", "embedded:/srv/chat")], &[]).expect("valid");
    assert_eq!(config.data_dir, PathBuf::from("/srv/chat"));
    assert_eq!(config.store, StorePlace::Embedded);

    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("password");
    std::fs::write(&file, "hunter2\n").expect("written");
    let file = file.to_str().expect("a path");
    let place = ("store", "cql:db1:9042,db2:9042/chat");
    let config = load(
        &[place, ("store-user", "ann"), ("store-password-file", file)],
        &[],
    );
    let StorePlace::Cql(there) = config.expect("valid").store else {
        panic!("a keyspace");
    };
    let (name, password) = there.login.expect("somebody signs in");
    assert_eq!((name.as_str(), password.0.as_str()), ("ann", "hunter2"));
    assert_eq!((there.hosts.len(), there.ca), (2, None));

    let from_variable = [("CHAPIANA_STORE_PASSWORD", "other")];
    let config = load(&[place, ("store-user", "ann")], &from_variable).expect("valid");
    assert!(!format!("{config:?}").contains("other"));

    for (key, wrong) in [
        ("store", "cql:db1/chat"),
        ("store", "redis:db1:1/chat"),
        ("store", "embedded:"),
        ("store", "disk"),
    ] {
        let refused = load(&[(key, wrong)], &[]).expect_err("it is refused");
        assert_eq!((refused.key.as_str(), refused.got.as_str()), (key, wrong));
    }
    for key in ["store-ca", "store-password-file"] {
        let refused = load(&[place, (key, "/nowhere/at/all")], &[]).expect_err("it is refused");
        assert_eq!(refused.key, key);
    }
}
