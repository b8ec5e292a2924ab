-- +goose Up
-- Messages are forgotten by their age.
CREATE INDEX call_messages_by_time ON call_messages (at);

-- +goose Down
DROP INDEX call_messages_by_time;
