-- Whose an artifact is, so that a person can be shown what is theirs. What is there already says it in its payload: a session by
-- itself, a code and a grant in their authorization.
ALTER TABLE artifact ADD COLUMN subject TEXT;

UPDATE artifact SET subject = CASE WHEN json_valid(CAST(payload AS TEXT))
    THEN json_extract(CAST(payload AS TEXT), CASE kind WHEN 5 THEN '$.subject' ELSE '$.authorization.subject' END) END
WHERE kind IN (1, 4, 5);

CREATE INDEX artifact_by_subject ON artifact (realm, subject, kind, id) WHERE subject IS NOT NULL;
