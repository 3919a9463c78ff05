-- Restores from a backup: what was issued before one is worth nothing after it.

CREATE TABLE epochs (
    institution TEXT   NOT NULL,
    epoch       BIGINT NOT NULL,                 -- when the restore was made, which also names the epoch; before the first: 0
    taken_at    BIGINT NOT NULL,                 -- the instant the backup shows; what happened between the two is lost
    archive     BYTEA  NOT NULL,                 -- authentication code of the archive
    PRIMARY KEY (institution, epoch)
) /*sqlite: WITHOUT ROWID sqlite*/;
