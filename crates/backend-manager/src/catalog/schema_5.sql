-- Schema 5: how fast a backend sends, and what a cache keeps of which content (state: 0 seen, 1 filling, 2 there, 3 leaving; queue: 0 small, 1 main; turn: its
-- place in the queue). What is seen has no bytes there; only what is being filled has a worker.
ALTER TABLE health ADD COLUMN bytes_per_s BIGINT;
CREATE TABLE cached (backend_id INTEGER NOT NULL REFERENCES backends(id), content_id INTEGER NOT NULL REFERENCES contents(id), bytes BIGINT NOT NULL,
  state SMALLINT NOT NULL, queue SMALLINT NOT NULL DEFAULT 0, turn BIGINT NOT NULL DEFAULT 0, hits SMALLINT NOT NULL DEFAULT 0, at BIGINT NOT NULL,
  handle TEXT, worker TEXT, PRIMARY KEY (backend_id, content_id), CHECK (state BETWEEN 0 AND 3), CHECK (bytes >= 0));
CREATE INDEX cached_turn ON cached (backend_id, state, queue, turn);
CREATE INDEX cached_content ON cached (content_id);
