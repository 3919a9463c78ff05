-- Public keys that products publish at an address of their own, as last read. Read again when they are too old.

CREATE TABLE partner_key_sets (
    institution TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    uri         TEXT   NOT NULL,                 -- where they are; keys of an earlier address are nobody's
    tried_at    BIGINT NOT NULL,                 -- when somebody last set out to read them
    jwks        TEXT,                            -- JSON: the last good set; none until there was one
    fetched_at  BIGINT,                          -- when that was asked for
    fresh_until BIGINT,                          -- from here on it is to be read anew
    PRIMARY KEY (institution, client_id),
    FOREIGN KEY (institution, client_id) REFERENCES products (institution, client_id)
);
