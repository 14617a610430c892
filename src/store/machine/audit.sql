-- The audit log stands in the rows of the entries that it tells of: a commit that writes such a row anyway pays for no
-- page more. `audit` is what the entry did, `hash` the hash of it and of everything before it.
ALTER TABLE entries ADD COLUMN audit TEXT;
ALTER TABLE entries ADD COLUMN hash BLOB;

-- The hash that the oldest kept entry builds upon: one row, once entries have been dropped.
CREATE TABLE audit_anchor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    hash BLOB NOT NULL
) STRICT;
