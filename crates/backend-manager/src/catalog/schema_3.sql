-- Schema 3: how each power of a backend is (power: 0 reads, 1 writes). since: when it stopped working (NULL: it works, or nobody knows better).
CREATE TABLE health (backend_id INTEGER NOT NULL REFERENCES backends(id), power SMALLINT NOT NULL, since BIGINT, retry_at BIGINT, kind TEXT,
  times INTEGER NOT NULL DEFAULT 0, latency_us BIGINT, PRIMARY KEY (backend_id, power));
