-- Guesses beyond a single guard: how many were tried in vain, over how many identities, and which login stands behind what.

ALTER TABLE guards ADD COLUMN refused BIGINT NOT NULL DEFAULT 0;  -- tries that came while locked, not looked at

CREATE TABLE guesses (
    institution TEXT   NOT NULL,
    kind        TEXT   NOT NULL,                 -- login, pin
    hour        BIGINT NOT NULL,                 -- hours since 1970; rows of hours before the last are dropped
    source      TEXT   NOT NULL,                 -- who guesses: an address or a /64; empty: everybody together
    subject     TEXT   NOT NULL,                 -- at what: as in guards; empty: the number of all; !: the alarm was raised
    tries       BIGINT NOT NULL,                 -- not proven right yet
    PRIMARY KEY (institution, kind, hour, source, subject)
) /*sqlite: WITHOUT ROWID sqlite*/;

CREATE TABLE passed_guards (
    institution TEXT   NOT NULL,
    holder_id   TEXT   NOT NULL,                 -- a session or a code: what came of the login
    kind        TEXT   NOT NULL,                 -- the guard the login passed: while it is locked, the holder goes no further
    subject     TEXT   NOT NULL,
    PRIMARY KEY (institution, holder_id)
);
