-- When an artifact is to be done, for what is not done at once: logout tokens.
ALTER TABLE artifact ADD COLUMN due_at INTEGER;

CREATE INDEX artifact_by_due ON artifact (kind, due_at) WHERE due_at IS NOT NULL;
