-- Times are microseconds since 1970, ids are SHA-256 hashes, kinds are the numbers of `Kind`.

-- The id comes first in the key: it is as good as random, so an engine that splits tables by key spreads the load. Room is left
-- in each page (`fillfactor`), so that to use up or reschedule an artifact rewrites it in its page and, where no index names what
-- changed, touches no index (a heap-only update); for that no index's condition names `consumed_at`.
CREATE TABLE IF NOT EXISTS @artifact (
    id BYTEA NOT NULL CHECK (octet_length(id) = 32),
    kind SMALLINT NOT NULL,
    realm TEXT NOT NULL,
    grant_id BYTEA CHECK (octet_length(grant_id) = 32),
    session_id BYTEA CHECK (octet_length(session_id) = 32),
    subject TEXT,
    payload BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    consumed_at BIGINT,
    successor BYTEA CHECK (successor IS NULL OR (octet_length(successor) = 32 AND consumed_at IS NOT NULL)),
    due_at BIGINT,
    PRIMARY KEY (id, kind)
) WITH (fillfactor = 85);

-- Partial wherever most rows have nothing there: a delete is as cheap as its row has entries. ASC is what it is in PostgreSQL anyway;
-- to YugabyteDB it says that ranges are looked for.
CREATE INDEX IF NOT EXISTS artifact_by_grant ON @artifact (grant_id ASC) WHERE grant_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifact_by_session ON @artifact (session_id ASC) WHERE session_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifact_by_expiry ON @artifact (expires_at ASC);
CREATE INDEX IF NOT EXISTS artifact_by_subject ON @artifact (realm ASC, subject ASC, kind ASC, id ASC) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifact_by_due ON @artifact (kind ASC, due_at ASC) WHERE due_at IS NOT NULL;

-- To count the sign-ins under way (kind 6), which have a bound.
CREATE INDEX IF NOT EXISTS interaction_by_expiry ON @artifact (expires_at ASC) WHERE kind = 6;

CREATE TABLE IF NOT EXISTS @counter (
    key BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(key) = 32),
    realm TEXT NOT NULL,
    count BIGINT NOT NULL CHECK (count BETWEEN 1 AND 4294967295),
    expires_at BIGINT NOT NULL
) WITH (fillfactor = 85);

CREATE INDEX IF NOT EXISTS counter_by_expiry ON @counter (expires_at ASC);
