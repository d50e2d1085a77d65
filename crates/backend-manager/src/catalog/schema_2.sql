-- Schema 2: what a probe has found out about a backend, as JSON ('null': there is nothing to learn), and of which connection that is true.
CREATE TABLE facts (backend_id INTEGER PRIMARY KEY REFERENCES backends(id), fingerprint TEXT NOT NULL, facts TEXT NOT NULL, learnt_at BIGINT NOT NULL);
