//! Objects as rows and rows as objects.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::{Deserialize, Serialize};

use super::apply::needs_action;
use crate::model::{
    Generation, Key, KindName, Management, MemberName, Object, Phase, Placement, ProjectName, ReadSet, Revision,
    Rollout, Spec, Timestamp,
};
use crate::store::raft::codec;
use crate::store::raft::types::{LogId, StoredMembership};

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
    #[serde(default, skip_serializing_if = "Management::is_default")]
    management: Management,
    #[serde(default, skip_serializing_if = "Revision::is_zero")]
    referred: Revision,
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
    #[serde(skip_serializing_if = "is_unmanaged")]
    management: &'a Management,
    #[serde(skip_serializing_if = "Revision::is_zero")]
    referred: Revision,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> RecordRef<'a> {
    fn of(object: &'a Object) -> Self {
        // A new field of the object must choose where it is stored.
        let Object {
            key: _,
            uid,
            generation,
            phase,
            rollout,
            spec,
            applied,
            management,
            referred,
            created_at,
            updated_at,
            placements: _,
        } = object;
        Self {
            uid: *uid,
            generation: *generation,
            phase: *phase,
            rollout: *rollout,
            spec,
            applied,
            management,
            referred: *referred,
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }
}

impl Record {
    fn into_object(self, key: Key) -> Object {
        let Self { uid, generation, phase, rollout, spec, applied, management, referred, created_at, updated_at } =
            self;
        Object {
            key,
            uid,
            generation,
            phase,
            rollout,
            spec,
            applied,
            management,
            referred,
            created_at,
            updated_at,
            placements: BTreeMap::new(),
        }
    }
}

// serde hands out references, here to a reference.
fn is_unmanaged(management: &&Management) -> bool {
    management.is_default()
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
    let sql = format!("SELECT kind, project, name, record, id FROM objects {filter} ORDER BY kind, project, name");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params.clone(), |row| {
        Ok((row.get::<_, i64>(4)?, from_json::<Record>(row, 3)?.into_object(key_of(row)?)))
    })?;
    let (ids, mut objects): (Vec<i64>, Vec<Object>) = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().unzip();
    let places: HashMap<i64, usize> = ids.into_iter().zip(0..).collect();
    let sql =
        format!("SELECT object, member, record FROM placements WHERE object IN (SELECT id FROM objects {filter})");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params, |row| {
        Ok((row.get::<_, i64>(0)?, MemberName(row.get(1)?), from_json::<Placement>(row, 2)?))
    })?;
    for row in rows {
        let (id, member, placement) = row?;
        if let Some(object) = places.get(&id).and_then(|place| objects.get_mut(*place)) {
            object.placements.insert(member, placement);
        }
    }
    Ok(objects)
}

/// All objects.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    objects(connection, "", [])
}

/// All objects of a kind.
pub(super) fn of_kind(connection: &Connection, kind: &str) -> rusqlite::Result<Vec<Object>> {
    objects(connection, "WHERE kind = ?1", [kind])
}

/// All objects in a part of the state.
pub(super) fn within(connection: &Connection, extent: &ReadSet) -> rusqlite::Result<Vec<Object>> {
    let ReadSet { keys, kinds, naming, projects, owned, placed } = extent;
    let mut found = Vec::new();
    for key in keys {
        found.extend(get(connection, key)?);
    }
    for kind in kinds {
        found.extend(of_kind(connection, kind.as_str())?);
    }
    for (kind, name) in naming {
        for key in naming_keys(connection, kind.as_str(), name)? {
            found.extend(get(connection, &key)?);
        }
    }
    for project in projects {
        found.extend(objects(connection, "WHERE project = ?1", [project.as_str()])?);
    }
    for source in owned {
        // As it is written in the record; quotes in texts are escaped, so that nothing else looks like it.
        let text = format!("\"management\":{{\"source\":{}", to_json(source)?);
        found.extend(objects(connection, "WHERE instr(record, ?1) > 0", [text.as_str()])?);
    }
    if *placed {
        found.extend(objects(connection, "WHERE id IN (SELECT object FROM placements)", [])?);
    }
    Ok(found)
}

/// The objects of a kind whose record contains a text: reading many records as JSON would take ten times as long.
fn naming_keys(connection: &Connection, kind: &str, text: &str) -> rusqlite::Result<Vec<Key>> {
    let quoted = to_json(&text)?;
    let sql = "SELECT kind, project, name FROM objects WHERE kind = ?1 AND instr(record, ?2) > 0";
    let mut statement = connection.prepare_cached(sql)?;
    let keys = statement.query_map((kind, &quoted[1..quoted.len() - 1]), key_of)?;
    keys.collect()
}

/// All objects that have a placement on a member.
pub(super) fn placed_on(connection: &Connection, member: &str) -> rusqlite::Result<Vec<Object>> {
    objects(connection, "WHERE id IN (SELECT object FROM placements WHERE member = ?1)", [member])
}

/// All objects that a member has something to do about.
pub(super) fn due_on(connection: &Connection, member: &str) -> rusqlite::Result<Vec<Object>> {
    let sql = "SELECT 1 FROM placements WHERE member = ?1 AND due = 1 LIMIT 1";
    if !connection.prepare_cached(sql)?.exists([member])? {
        return Ok(Vec::new());
    }
    objects(connection, "WHERE id IN (SELECT object FROM placements WHERE member = ?1 AND due = 1)", [member])
}

/// One object.
pub(super) fn get(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Object>> {
    let sql = "SELECT record, id FROM objects WHERE kind = ?1 AND project = ?2 AND name = ?3";
    let found = connection
        .prepare_cached(sql)?
        .query_row(names(key), |row| Ok((from_json::<Record>(row, 0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    let Some((record, id)) = found else { return Ok(None) };
    let mut object = record.into_object(key.clone());
    let mut statement = connection.prepare_cached("SELECT member, record FROM placements WHERE object = ?1")?;
    let rows = statement.query_map([id], |row| Ok((MemberName(row.get(0)?), from_json::<Placement>(row, 1)?)))?;
    object.placements = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Some(object))
}

fn names(key: &Key) -> (&str, &str, &str) {
    (key.kind.as_str(), key.project.as_str(), key.name.as_str())
}

/// The row of an object, which must be there.
fn id_of(connection: &Connection, key: &Key) -> rusqlite::Result<i64> {
    let sql = "SELECT id FROM objects WHERE kind = ?1 AND project = ?2 AND name = ?3";
    connection.prepare_cached(sql)?.query_row(names(key), |row| row.get(0))
}

/// Writes what differs between an object before and after.
pub(super) fn put(
    connection: &Connection,
    key: &Key,
    old: Option<&Object>,
    new: Option<&Object>,
) -> rusqlite::Result<()> {
    match (old, new) {
        (None, None) => Ok(()),
        (Some(_), None) => {
            // The placements go with it.
            let id = id_of(connection, key)?;
            connection.prepare_cached("DELETE FROM objects WHERE id = ?1")?.execute([id]).map(drop)
        }
        (None, Some(new)) => {
            let sql = "INSERT INTO objects (kind, project, name, record) VALUES (?1, ?2, ?3, ?4)";
            let (kind, project, name) = names(key);
            let record = to_json(&RecordRef::of(new))?;
            let id = connection.prepare_cached(sql)?.insert((kind, project, name, record))?;
            put_placements(connection, id, None, new)
        }
        (Some(old), Some(new)) => {
            let id = id_of(connection, key)?;
            // Most reports change a placement only.
            if RecordRef::of(old) != RecordRef::of(new) {
                let sql = "UPDATE objects SET record = ?2 WHERE id = ?1";
                connection.prepare_cached(sql)?.execute((id, to_json(&RecordRef::of(new))?))?;
            }
            put_placements(connection, id, Some(old), new)
        }
    }
}

fn put_placements(connection: &Connection, id: i64, old: Option<&Object>, new: &Object) -> rusqlite::Result<()> {
    let gone = old.into_iter().flat_map(|old| old.placements.keys());
    for member in gone.filter(|member| !new.placements.contains_key(*member)) {
        let sql = "DELETE FROM placements WHERE object = ?1 AND member = ?2";
        connection.prepare_cached(sql)?.execute((id, member.as_str()))?;
    }
    for (member, placement) in &new.placements {
        let is_due = needs_action(new, member);
        let is_same =
            old.is_some_and(|old| old.placements.get(member) == Some(placement) && needs_action(old, member) == is_due);
        if !is_same {
            let sql = "INSERT INTO placements (object, member, due, record) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (object, member) DO UPDATE SET due = excluded.due, record = excluded.record";
            connection.prepare_cached(sql)?.execute((id, member.as_str(), is_due, to_json(placement)?))?;
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
