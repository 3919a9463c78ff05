-- 監査証跡 as evidence: committed records are given positions, chained, hashed into a tree and signed, a moment later and
-- apart from the acts. Every table here is only ever added to; only a newer master key seals audit_keys anew.

ALTER TABLE audit ADD COLUMN node TEXT;          -- which node wrote it
ALTER TABLE audit ADD COLUMN salt BYTEA;         -- 16 random bytes; the entry's commitment to actor, object and detail

CREATE TABLE audit_positions (
    institution TEXT   NOT NULL,
    audit_id    TEXT   NOT NULL,                 -- the record
    position    BIGINT NOT NULL,                 -- its entry's place in the trail, from 0
    PRIMARY KEY (institution, audit_id)
) /*sqlite: WITHOUT ROWID sqlite*/;

CREATE TABLE audit_batches (
    institution TEXT   NOT NULL,
    first       BIGINT NOT NULL,                 -- position of its first entry; a batch lies within one bundle of 256
    size        BIGINT NOT NULL,                 -- entries in the trail with this batch
    entries     BYTEA  NOT NULL,                 -- their bytes, each with its length in front
    PRIMARY KEY (institution, first)             -- whoever seals begins where the last one ended: of two one fails here
);

CREATE TABLE audit_tiles (
    institution TEXT   NOT NULL,
    level       BIGINT NOT NULL,                 -- 0: leaves
    tile_index  BIGINT NOT NULL,
    hashes      BYTEA  NOT NULL,                 -- 256 of them: only full tiles are kept
    root        BYTEA  NOT NULL,                 -- over them: the hash in the tile above
    PRIMARY KEY (institution, level, tile_index)
);

CREATE TABLE audit_keys (
    institution TEXT   NOT NULL,
    origin      TEXT   NOT NULL,                 -- the trail's name, and the key's
    verifier    TEXT   NOT NULL,                 -- the public half: name+hash+key
    sealed_key  BYTEA  NOT NULL,                 -- the private half (PKCS#8), sealed
    made_at     BIGINT NOT NULL,
    PRIMARY KEY (institution, origin)
) /*sqlite: WITHOUT ROWID sqlite*/;

CREATE TABLE audit_checkpoints (
    institution TEXT   NOT NULL,
    origin      TEXT   NOT NULL,
    size        BIGINT NOT NULL,                 -- one root for each size, for ever: durable before it is signed
    root        BYTEA  NOT NULL,
    made_at     BIGINT NOT NULL,
    PRIMARY KEY (institution, origin, size)
) /*sqlite: WITHOUT ROWID sqlite*/;

CREATE TABLE audit_signatures (
    institution TEXT   NOT NULL,
    origin      TEXT   NOT NULL,
    size        BIGINT NOT NULL,
    signer      TEXT   NOT NULL,                 -- verifier key of the trail or of a witness
    line        TEXT   NOT NULL,                 -- as it stands in the signed note
    made_at     BIGINT NOT NULL,
    PRIMARY KEY (institution, origin, size, signer)
) /*sqlite: WITHOUT ROWID sqlite*/;
