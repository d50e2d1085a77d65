-- Schema 4: when the source of a copy was last written (nanoseconds since 1970 UTC), of a user's key on the backend `scope`, or (scope 0) of a name.
CREATE TABLE marks (scope BIGINT NOT NULL, key TEXT NOT NULL, content_id INTEGER NOT NULL REFERENCES contents(id) ON DELETE CASCADE,
  modified BIGINT NOT NULL, PRIMARY KEY (scope, key));
CREATE INDEX marks_content ON marks (content_id);
