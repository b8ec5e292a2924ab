-- +goose Up
-- The SIP messages of calls as they were on the wire, without secrets (A6).
CREATE TABLE call_messages (
    call_id   TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    node      TEXT   NOT NULL,
    seq       BIGINT NOT NULL, -- on the node; with the instant no other has it, even after a restart
    direction TEXT   NOT NULL,
    flow      TEXT   NOT NULL,
    raw       BYTEA  NOT NULL,
    PRIMARY KEY (call_id, at, node, seq)
);

-- +goose Down
DROP TABLE call_messages;
