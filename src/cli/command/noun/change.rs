//! `set`, `get`, `unset` and `delete`.

use bytes::Bytes;
use clap::Args;
use hyper::Method;
use serde_json::{Map, Value};

use super::create::capital;
use super::{Named, Place, pairs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::{Session, failure};
use crate::kinds::Kind;

/// The arguments of `set`.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// The object's name
    name: String,
    /// KEY=VALUE, or one KEY and its VALUE
    #[arg(required = true, value_name = "KEY=VALUE")]
    pairs: Vec<String>,
    /// Where to look.
    #[command(flatten)]
    pub place: Place,
}

/// The arguments of `get`.
#[derive(Args, Debug)]
pub struct KeyArgs {
    /// The object's name
    name: String,
    /// The key
    key: String,
    /// Where to look.
    #[command(flatten)]
    pub place: Place,
}

/// The arguments of `unset`.
#[derive(Args, Debug)]
pub struct KeysArgs {
    /// The object's name
    name: String,
    /// The keys
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// Where to look.
    #[command(flatten)]
    pub place: Place,
}

/// What the API shows of an object and does not take back.
const SHOWN_ONLY: [&str; 7] = ["name", "driver", "type", "managed", "used_by", "status", "locations"];

/// Sets keys, unless somebody else changed the object in between.
pub async fn set(kind: &dyn Kind, args: &SetArgs, session: &Session) -> Result<(), Failure> {
    let pairs = pairs(&args.pairs)?;
    change(&args.place.object(kind, &args.name), session, |config| {
        config.extend(pairs.into_iter().map(|(key, value)| (key, Value::String(value))));
        Ok(())
    })
    .await
}

/// Removes keys. One that is not set is most likely misspelt: nothing is changed then, as with LXD's client.
pub async fn unset(kind: &dyn Kind, args: &KeysArgs, session: &Session) -> Result<(), Failure> {
    change(&args.place.object(kind, &args.name), session, |config| {
        let missing = args.keys.iter().find(|key| !config.contains_key(*key));
        if let Some(key) = missing {
            let (spoken, noun, name) = (kind.words().spoken, kind.words().noun, &args.name);
            return Err(Failure::new(Exit::Failed, format!("`{key}` is not set on the {spoken} `{name}`"))
                .untouched("Nothing was changed.")
                .hint(format!("see its keys: seedbed {noun} show {name}")));
        }
        config.retain(|key, _| !args.keys.contains(key));
        Ok(())
    })
    .await
}

/// Prints the value of one key, and an empty line when it is not set.
pub async fn get(kind: &dyn Kind, args: &KeyArgs, session: &Session) -> Result<(), Failure> {
    let (object, _) = session.fetch(&args.place.object(kind, &args.name)).await?;
    let value = object.get("config").and_then(|config| config.get(&args.key)).and_then(Value::as_str);
    session.screen.write_one(&format!("{}\n", value.unwrap_or_default()))
}

/// Deletes an object everywhere.
pub async fn delete(kind: &dyn Kind, named: &Named, session: &Session) -> Result<(), Failure> {
    let words = kind.words();
    let answer = session.client.send(Method::DELETE, &named.place.object(kind, &named.name), Bytes::new()).await;
    let answer = answer.map_err(|error| {
        // What is used or protected stays.
        let error_status = error.status();
        let is_refused = matches!(error_status, Some(400 | 403 | 409));
        let failed = failure(error);
        if !is_refused {
            return failed;
        }
        let failed = failed.exiting(Exit::Refused).untouched("Nothing was changed.");
        // Of what is protected the message itself says what to do.
        if error_status == Some(403) {
            return failed;
        }
        failed.hint(format!("see what uses it: seedbed {} show {}", words.noun, named.name))
    })?;
    session.finish(&answer).await?;
    session.screen.say(&format!("{} {} deleted", capital(words.spoken), named.name));
    Ok(())
}

async fn change(
    path: &str,
    session: &Session,
    edit: impl FnOnce(&mut Map<String, Value>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut object, etag) = session.fetch(path).await?;
    if let Value::Object(fields) = &mut object {
        fields.retain(|field, _| !SHOWN_ONLY.contains(&field.as_str()));
        if let Value::Object(config) = fields.entry("config").or_insert_with(|| Value::Object(Map::new())) {
            edit(config)?;
        }
    }
    session.change(Method::PUT, path, &object, etag.as_deref()).await
}
