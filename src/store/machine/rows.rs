//! Objects as rows and rows as objects.

use std::collections::BTreeMap;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::{Deserialize, Serialize};

use crate::model::{
    Generation, Key, KindName, MemberName, Object, Phase, Placement, ProjectName, Revision, Rollout, Spec, Timestamp,
};
use crate::store::codec;
use crate::store::transition::needs_action;
use crate::store::types::{LogId, StoredMembership};

/// Everything of an object but its key and its placements.
#[derive(Serialize, Deserialize)]
struct Record {
    uid: Revision,
    generation: Generation,
    phase: Phase,
    rollout: Rollout,
    spec: Spec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied: Option<Spec>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The same, borrowed for writing.
#[derive(PartialEq, Serialize)]
struct RecordRef<'a> {
    uid: Revision,
    generation: Generation,
    phase: Phase,
    rollout: Rollout,
    spec: &'a Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: &'a Option<Spec>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> RecordRef<'a> {
    fn of(object: &'a Object) -> Self {
        // A new field of the object must choose where it is stored.
        let Object { key: _, uid, generation, phase, rollout, spec, applied, created_at, updated_at, placements: _ } =
            object;
        Self {
            uid: *uid,
            generation: *generation,
            phase: *phase,
            rollout: *rollout,
            spec,
            applied,
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }
}

impl Record {
    fn into_object(self, key: Key) -> Object {
        let Self { uid, generation, phase, rollout, spec, applied, created_at, updated_at } = self;
        let placements = BTreeMap::new();
        Object { key, uid, generation, phase, rollout, spec, applied, created_at, updated_at, placements }
    }
}

fn json_error(column: usize) -> impl FnOnce(serde_json::Error) -> rusqlite::Error {
    move |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

fn to_json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn from_json<T: for<'a> Deserialize<'a>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(json_error(column))
}

fn key_of(row: &Row<'_>) -> rusqlite::Result<Key> {
    let text = |column| row.get::<_, String>(column);
    Ok(Key { kind: KindName(text(0)?), project: ProjectName(text(1)?), name: text(2)? })
}

/// The objects that `filter` selects, with their placements, in the order of their keys.
fn objects(connection: &Connection, filter: &str, params: impl Params + Clone) -> rusqlite::Result<Vec<Object>> {
    let sql = format!("SELECT kind, project, name, record FROM objects {filter} ORDER BY kind, project, name");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params.clone(), |row| Ok(from_json::<Record>(row, 3)?.into_object(key_of(row)?)))?;
    let mut objects: BTreeMap<Key, Object> = BTreeMap::new();
    for object in rows {
        let object = object?;
        objects.insert(object.key.clone(), object);
    }
    let sql = format!("SELECT kind, project, name, member, record FROM placements {filter}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params, |row| Ok((key_of(row)?, MemberName(row.get(3)?), from_json::<Placement>(row, 4)?)))?;
    for row in rows {
        let (key, member, placement) = row?;
        if let Some(object) = objects.get_mut(&key) {
            object.placements.insert(member, placement);
        }
    }
    Ok(objects.into_values().collect())
}

/// All objects.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    objects(connection, "", [])
}

/// All objects of a kind.
pub(super) fn of_kind(connection: &Connection, kind: &str) -> rusqlite::Result<Vec<Object>> {
    objects(connection, "WHERE kind = ?1", [kind])
}

/// All objects that have a placement on a member.
pub(super) fn placed_on(connection: &Connection, member: &str) -> rusqlite::Result<Vec<Object>> {
    let filter = "WHERE (kind, project, name) IN (SELECT kind, project, name FROM placements WHERE member = ?1)";
    objects(connection, filter, [member])
}

/// All objects that a member has something to do about.
pub(super) fn due_on(connection: &Connection, member: &str) -> rusqlite::Result<Vec<Object>> {
    let sql = "SELECT 1 FROM placements WHERE member = ?1 AND due = 1 LIMIT 1";
    if !connection.prepare_cached(sql)?.exists([member])? {
        return Ok(Vec::new());
    }
    let filter =
        "WHERE (kind, project, name) IN (SELECT kind, project, name FROM placements WHERE member = ?1 AND due = 1)";
    objects(connection, filter, [member])
}

/// One object.
pub(super) fn get(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Object>> {
    let names = (key.kind.as_str(), key.project.as_str(), key.name.as_str());
    let sql = "SELECT record FROM objects WHERE kind = ?1 AND project = ?2 AND name = ?3";
    let record = connection.prepare_cached(sql)?.query_row(names, |row| from_json::<Record>(row, 0)).optional()?;
    let Some(record) = record else { return Ok(None) };
    let mut object = record.into_object(key.clone());
    let sql = "SELECT member, record FROM placements WHERE kind = ?1 AND project = ?2 AND name = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(names, |row| Ok((MemberName(row.get(0)?), from_json::<Placement>(row, 1)?)))?;
    object.placements = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Some(object))
}

/// Writes what differs between an object before and after.
pub(super) fn put(
    connection: &Connection,
    key: &Key,
    old: Option<&Object>,
    new: Option<&Object>,
) -> rusqlite::Result<()> {
    let names = (key.kind.as_str(), key.project.as_str(), key.name.as_str());
    let none = BTreeMap::new();
    let (before, after) = (old.map_or(&none, |old| &old.placements), new.map_or(&none, |new| &new.placements));
    match new {
        // Most reports change a placement only.
        Some(new) if old.is_some_and(|old| RecordRef::of(old) == RecordRef::of(new)) => {}
        Some(new) => {
            let sql = "INSERT INTO objects (kind, project, name, record) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET record = excluded.record";
            let record = to_json(&RecordRef::of(new))?;
            connection.prepare_cached(sql)?.execute((names.0, names.1, names.2, record))?;
        }
        None => {
            let sql = "DELETE FROM objects WHERE kind = ?1 AND project = ?2 AND name = ?3";
            connection.prepare_cached(sql)?.execute(names)?;
        }
    }
    for member in before.keys().filter(|member| !after.contains_key(*member)) {
        let sql = "DELETE FROM placements WHERE kind = ?1 AND project = ?2 AND name = ?3 AND member = ?4";
        connection.prepare_cached(sql)?.execute((names.0, names.1, names.2, member.as_str()))?;
    }
    let Some(new) = new else { return Ok(()) };
    for (member, placement) in after {
        let is_due = needs_action(new, member);
        let was_due = old.is_some_and(|old| needs_action(old, member));
        if before.get(member) != Some(placement) || is_due != was_due {
            let sql =
                "INSERT INTO placements (kind, project, name, member, due, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET due = excluded.due, record = excluded.record";
            let row = (names.0, names.1, names.2, member.as_str(), is_due, to_json(placement)?);
            connection.prepare_cached(sql)?.execute(row)?;
        }
    }
    Ok(())
}

/// How far the state is: the last entry and the last command.
pub(super) fn applied(connection: &Connection) -> rusqlite::Result<(Option<LogId>, Revision)> {
    let sql = "SELECT idx, term, leader, revision FROM entries ORDER BY idx DESC LIMIT 1";
    let row = connection.prepare_cached(sql)?.query_row([], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok((codec::log_id(number(1)?, number(2)?, number(0)?), Revision(number(3)?)))
    });
    Ok(row.optional()?.map_or((None, Revision(0)), |(id, revision)| (Some(id), revision)))
}

/// The members of the Raft group.
pub(super) fn membership(connection: &Connection) -> rusqlite::Result<StoredMembership> {
    let row = connection.prepare_cached("SELECT record FROM membership")?.query_row([], |row| from_json(row, 0));
    Ok(row.optional()?.unwrap_or_default())
}

/// Replaces the members of the Raft group.
pub(super) fn put_membership(connection: &Connection, membership: &StoredMembership) -> rusqlite::Result<()> {
    let sql = "INSERT INTO membership (id, record) VALUES (1, ?1) ON CONFLICT DO UPDATE SET record = excluded.record";
    connection.prepare_cached(sql)?.execute([to_json(membership)?]).map(drop)
}
