-- What partners and supervisors are told of availability and speed. Nodes add to the same rows.

CREATE TABLE statistics (
    institution TEXT   NOT NULL,
    day         TEXT   NOT NULL,                 -- Japanese calendar day
    endpoint    TEXT   NOT NULL,                 -- par, token, balances, …; minutes: of the institution as a whole
    measure     TEXT   NOT NULL,                 -- le_<microseconds>, le_more, 2xx … 5xx; of minutes: served, failing
    value       BIGINT NOT NULL,
    PRIMARY KEY (institution, day, endpoint, measure)
) /*sqlite: WITHOUT ROWID sqlite*/;

CREATE TABLE statistic_minutes (
    institution TEXT   NOT NULL,
    minute      BIGINT NOT NULL,                 -- minutes since 1970; a minute without a row was served by no node
    answers     BIGINT NOT NULL,
    failures    BIGINT NOT NULL,                 -- of them with a server error
    PRIMARY KEY (institution, minute)
) /*sqlite: WITHOUT ROWID sqlite*/;
