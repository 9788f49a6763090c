-- Times are microseconds since 1970, ids are SHA-256 hashes, kinds are the numbers of `Kind`.

-- With row ids: rows of half a kilobyte would make a poor key tree, new rows go to the end of the table, and the
-- indexes carry an integer instead of the key.
CREATE TABLE artifact (
    kind INTEGER NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 32),
    realm TEXT NOT NULL,
    grant_id BLOB CHECK (length(grant_id) = 32),
    session_id BLOB CHECK (length(session_id) = 32),
    payload BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    consumed_at INTEGER,
    successor BLOB CHECK (successor IS NULL OR (length(successor) = 32 AND consumed_at IS NOT NULL)),
    UNIQUE (kind, id)
) STRICT;

CREATE INDEX artifact_by_grant ON artifact (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX artifact_by_session ON artifact (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX artifact_by_expiry ON artifact (expires_at);

-- To count the sign-ins under way (kind 6), which have a bound.
CREATE INDEX interaction_by_expiry ON artifact (expires_at) WHERE kind = 6;

CREATE TABLE counter (
    key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    realm TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count BETWEEN 1 AND 4294967295),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX counter_by_expiry ON counter (expires_at);
