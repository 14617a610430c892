-- What is stored. No table knows a resource kind, and nothing depends on anything but the log. `id` is a row's place
-- in this file and means nothing elsewhere: rows are small and pages too, so that a commit writes little.

-- Everything of an object but its placements, as JSON.
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX objects_key ON objects (kind, project, name);

-- What one member holds of an object, as JSON. `due` is 1 while the member has something to do about it.
CREATE TABLE placements (
    id INTEGER PRIMARY KEY,
    object INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    member TEXT NOT NULL,
    due INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX placements_key ON placements (object, member);
CREATE INDEX placements_due ON placements (member, object) WHERE due = 1;

-- The newest applied entries. The last row says how far the state is; `request` is a digest of the id of a
-- request, and `reply` its reply where that was not plainly "applied at `idx`".
CREATE TABLE entries (
    idx INTEGER PRIMARY KEY,
    term INTEGER NOT NULL,
    leader INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    request BLOB,
    reply TEXT
) STRICT;

-- The members of the Raft group, as JSON: one row.
CREATE TABLE membership (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    record TEXT NOT NULL
) STRICT;
