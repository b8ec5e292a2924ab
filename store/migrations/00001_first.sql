-- +goose Up
-- One text for SQLite and PostgreSQL. Instants are microseconds since 1970 in UTC.
CREATE TABLE configuration (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version BIGINT  NOT NULL
);
INSERT INTO configuration (id, version) VALUES (1, 0);

-- The objects of every account as they are now.
CREATE TABLE objects (
    account      TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    position     BIGINT NOT NULL,
    content      TEXT   NOT NULL,
    created_from TEXT   NOT NULL,
    created_by   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    changed_from TEXT   NOT NULL,
    changed_by   TEXT   NOT NULL,
    changed_at   BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    PRIMARY KEY (account, kind, name)
);

-- Every state an object was in; content is NULL where it was removed.
CREATE TABLE object_history (
    account      TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    position     BIGINT NOT NULL,
    content      TEXT,
    created_from TEXT   NOT NULL,
    created_by   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    changed_from TEXT   NOT NULL,
    changed_by   TEXT   NOT NULL,
    changed_at   BIGINT NOT NULL,
    PRIMARY KEY (account, kind, name, version)
);

CREATE TABLE revisions (
    version BIGINT PRIMARY KEY,
    account TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    origin  TEXT   NOT NULL,
    author  TEXT   NOT NULL,
    file    TEXT   NOT NULL,
    reason  TEXT   NOT NULL,
    changes TEXT   NOT NULL
);
CREATE INDEX revisions_of_account ON revisions (account, version);

CREATE TABLE call_entries (
    call_id TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    at      BIGINT  NOT NULL,
    kind    TEXT    NOT NULL,
    content BYTEA,
    salt    BYTEA,
    digest  BYTEA   NOT NULL,
    hash    BYTEA   NOT NULL,
    PRIMARY KEY (call_id, seq)
);

-- What a list of calls shows of each; made from its entries.
CREATE TABLE calls (
    call_id     TEXT   PRIMARY KEY,
    received_at BIGINT NOT NULL,
    answered_at BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL,
    account     TEXT   NOT NULL,
    site        TEXT   NOT NULL,
    extension   TEXT   NOT NULL,
    class       TEXT   NOT NULL,
    dialled     TEXT   NOT NULL,
    route       TEXT   NOT NULL,
    outcome     TEXT   NOT NULL,
    node        TEXT   NOT NULL
);
CREATE INDEX calls_by_time ON calls (received_at, call_id);
CREATE INDEX calls_of_account ON calls (account, received_at, call_id);
CREATE INDEX calls_live ON calls (ended_at) WHERE ended_at = 0;

CREATE TABLE bindings (
    aor           TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    contact       TEXT    NOT NULL,
    instance      TEXT    NOT NULL,
    reg_id        INTEGER NOT NULL,
    node          TEXT    NOT NULL,
    flow          TEXT    NOT NULL,
    source        TEXT    NOT NULL,
    transport     TEXT    NOT NULL,
    path          TEXT    NOT NULL,
    call_id       TEXT    NOT NULL,
    cseq          BIGINT  NOT NULL,
    user_agent    TEXT    NOT NULL,
    account       TEXT    NOT NULL,
    extension     TEXT    NOT NULL,
    device        TEXT    NOT NULL,
    registered_at BIGINT  NOT NULL,
    expires_at    BIGINT  NOT NULL,
    PRIMARY KEY (aor, id)
);
CREATE INDEX bindings_by_expiry ON bindings (expires_at);

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- +goose Down
DROP TABLE meta;
DROP TABLE bindings;
DROP TABLE calls;
DROP TABLE call_entries;
DROP TABLE revisions;
DROP TABLE object_history;
DROP TABLE objects;
DROP TABLE configuration;
