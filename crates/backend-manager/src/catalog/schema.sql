-- The catalog, schema 1. The same text loads in SQLite and in PostgreSQL 15 (which is given five lines around it: `schema::POSTGRES_*`).
-- Times are milliseconds since 1970 UTC. CIDs are the bytes of a CIDv1. The numbers of states and kinds are those of the Rust enums.

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE backends (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, store_id TEXT UNIQUE, domain TEXT NOT NULL,
  state SMALLINT NOT NULL DEFAULT 0, quota_bytes BIGINT, used_bytes BIGINT NOT NULL DEFAULT 0, used_objects BIGINT NOT NULL DEFAULT 0,
  CHECK (used_bytes >= 0), CHECK (used_objects >= 0));
-- What a backend must remember between runs (refreshed tokens): compare-and-swap by revision.
CREATE TABLE memories (backend_id INTEGER PRIMARY KEY REFERENCES backends(id), value BLOB NOT NULL, revision BIGINT NOT NULL);

CREATE TABLE contents (id INTEGER PRIMARY KEY, cid BLOB NOT NULL UNIQUE, size BIGINT, kind SMALLINT NOT NULL,
  profile SMALLINT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE aliases (algo SMALLINT NOT NULL, digest BLOB NOT NULL, content_id INTEGER NOT NULL REFERENCES contents(id) ON DELETE CASCADE,
  PRIMARY KEY (algo, digest, content_id));
CREATE INDEX aliases_content ON aliases (content_id);
-- The outboard: inner nodes in pre-order, root first.
CREATE TABLE blocks (content_id INTEGER NOT NULL REFERENCES contents(id) ON DELETE CASCADE, seq INTEGER NOT NULL,
  cid BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (content_id, seq));
CREATE INDEX blocks_cid ON blocks (cid);
CREATE TABLE links (parent_id INTEGER NOT NULL REFERENCES contents(id) ON DELETE CASCADE, child_id INTEGER NOT NULL REFERENCES contents(id),
  PRIMARY KEY (parent_id, child_id));
CREATE INDEX links_child ON links (child_id);

-- key: '' means "the place that follows from the CID". reserved: the bytes of backends.used_bytes that this row answers for; kept: those of them
-- that older, hidden bodies are billed for. origin: the state to which an upload without effect goes back (0: nothing was there).
CREATE TABLE replicas (content_id INTEGER NOT NULL REFERENCES contents(id), backend_id INTEGER NOT NULL REFERENCES backends(id),
  key TEXT NOT NULL DEFAULT '', state SMALLINT NOT NULL, evidence SMALLINT NOT NULL DEFAULT 0, epoch BIGINT NOT NULL DEFAULT 0,
  changed_at BIGINT NOT NULL, checked_at BIGINT NOT NULL DEFAULT 0, strikes SMALLINT NOT NULL DEFAULT 0,
  worker TEXT, handle TEXT, version TEXT, etag TEXT, owned SMALLINT NOT NULL DEFAULT 1, attempts SMALLINT NOT NULL DEFAULT 0,
  until BIGINT, proved_at BIGINT, due_at BIGINT, deadline_at BIGINT, bad_chunks TEXT,
  sidecar SMALLINT NOT NULL DEFAULT 0, sidecar_handle TEXT, reserved BIGINT NOT NULL DEFAULT 0,
  kept BIGINT NOT NULL DEFAULT 0, origin SMALLINT NOT NULL DEFAULT 0, note TEXT,
  PRIMARY KEY (content_id, backend_id, key), CHECK (state BETWEEN 0 AND 8), CHECK (reserved >= 0));
-- A user's key belongs to one content; a row that has nothing there (planned, missing, lingering) does not hold it.
CREATE UNIQUE INDEX replicas_key ON replicas (backend_id, key) WHERE key <> '' AND state NOT IN (0, 5, 7);
CREATE INDEX replicas_backend ON replicas (backend_id, key, content_id);
CREATE INDEX replicas_scrub ON replicas (backend_id, checked_at) WHERE state = 2;
CREATE INDEX replicas_work ON replicas (state, changed_at) WHERE state <> 2;
CREATE INDEX replicas_due ON replicas (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX replicas_until ON replicas (until) WHERE until IS NOT NULL;

CREATE TABLE policies (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL DEFAULT 1, spec TEXT NOT NULL);
CREATE TABLE pins (content_id INTEGER NOT NULL REFERENCES contents(id), owner TEXT NOT NULL, policy_id INTEGER NOT NULL REFERENCES policies(id),
  created_at BIGINT NOT NULL, expires_at BIGINT, revision BIGINT NOT NULL DEFAULT 1, dirty SMALLINT NOT NULL DEFAULT 1,
  PRIMARY KEY (content_id, owner));
CREATE INDEX pins_policy ON pins (policy_id, content_id);
CREATE INDEX pins_dirty ON pins (content_id) WHERE dirty = 1;
CREATE INDEX pins_expiry ON pins (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE names (name TEXT NOT NULL, revision INTEGER NOT NULL, content_id INTEGER NOT NULL REFERENCES contents(id),
  labels TEXT NOT NULL DEFAULT '{}', at BIGINT NOT NULL, PRIMARY KEY (name, revision));
CREATE INDEX names_content ON names (content_id);

-- A begun upload. The reference has no cascade: a row cannot go while a token is left that would be billed for ever.
CREATE TABLE transfers (content_id INTEGER NOT NULL, backend_id INTEGER NOT NULL, key TEXT NOT NULL DEFAULT '', token BLOB NOT NULL,
  sent BIGINT NOT NULL, source TEXT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (content_id, backend_id, key),
  FOREIGN KEY (content_id, backend_id, key) REFERENCES replicas (content_id, backend_id, key));
CREATE TABLE traffic (backend_id INTEGER NOT NULL REFERENCES backends(id), month INTEGER NOT NULL, sent BIGINT NOT NULL DEFAULT 0,
  received BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (backend_id, month));
CREATE TABLE jobs (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, state SMALLINT NOT NULL DEFAULT 0, not_before BIGINT NOT NULL DEFAULT 0,
  attempts SMALLINT NOT NULL DEFAULT 0, worker TEXT, lease_until BIGINT, cursor TEXT, spec TEXT NOT NULL, report TEXT);
CREATE INDEX jobs_ready ON jobs (not_before) WHERE state = 0;
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 1;
CREATE TABLE events (id INTEGER PRIMARY KEY, at BIGINT NOT NULL, verb SMALLINT NOT NULL, cid BLOB, backend TEXT, body TEXT NOT NULL);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_cid ON events (cid) WHERE cid IS NOT NULL;
