-- What is stored. No table knows a resource kind, and no row depends on anything but the log.

-- Everything of an object but its placements, as JSON.
CREATE TABLE objects (
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (kind, project, name)
) STRICT, WITHOUT ROWID;

-- What one member holds of an object, as JSON. `due` is 1 while the member has something to do about it.
CREATE TABLE placements (
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    member TEXT NOT NULL,
    due INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (kind, project, name, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX placements_due ON placements (member) WHERE due = 1;

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
