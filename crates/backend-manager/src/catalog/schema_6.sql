-- Schema 6: what was changed of the desired state, until every store that keeps a copy of that state has been told. kind: 1 pin (number: content, what:
-- owner), 2 name given (number: revision), 3 name taken away, 4 policy, 5 copy under a user's key (number: content, what: key).
CREATE TABLE changes (seq INTEGER PRIMARY KEY, kind SMALLINT NOT NULL, number BIGINT NOT NULL DEFAULT 0, backend_id BIGINT NOT NULL DEFAULT 0,
  what TEXT NOT NULL DEFAULT '');
