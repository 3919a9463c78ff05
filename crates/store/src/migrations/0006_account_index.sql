-- Whether any linkage still uses an account is asked whenever one ends: its inquiry PIN goes with the last.

CREATE INDEX linkage_accounts_by_account ON linkage_accounts (institution, account_id);
