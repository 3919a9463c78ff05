-- What decides over a token or a client is spread over many rows. Whatever program changes one of them, or whoever does so by
-- hand, gives their institution a new version in the same transaction: so what was found under a version still holds as
-- long as the institution has that version, and one row tells so in place of a dozen.
--
-- Left out is what decides nothing: when a linkage was last read, that its code was redeemed (it has a token then), access
-- tokens that are deleted because they ran out, what an account holds, and a right to inquire that no linkage needs.
-- Identifiers never change. An account that is added to a linkage makes no version by itself: who adds it changes the linkage.

CREATE TABLE state_versions (
    institution TEXT  NOT NULL PRIMARY KEY,
    version     BYTEA NOT NULL                   -- random, so that no change ever makes one that was there before
);

/*sqlite:
CREATE TRIGGER institutions_begin AFTER INSERT ON institutions BEGIN
    INSERT INTO state_versions (institution, version) VALUES (NEW.institution, randomblob(16)) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER institutions_change AFTER UPDATE ON institutions BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER institutions_go AFTER DELETE ON institutions BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER partners_change AFTER UPDATE ON partners BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER partners_go AFTER DELETE ON partners BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER products_change AFTER UPDATE ON products BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER products_go AFTER DELETE ON products BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER resource_servers_change AFTER UPDATE ON resource_servers BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER resource_servers_go AFTER DELETE ON resource_servers BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER customers_change AFTER UPDATE OF contract ON customers
    WHEN OLD.contract <> NEW.contract BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER customers_go AFTER DELETE ON customers BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER users_change AFTER UPDATE OF state ON users
    WHEN OLD.state <> NEW.state BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER users_go AFTER DELETE ON users BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER linkages_change AFTER UPDATE OF client_id, user_id, customer_id, operations, begun_at, renewed_at, ends_at, ended_at, ended_by, login_method, login_at ON linkages BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER linkages_go AFTER DELETE ON linkages BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER refresh_tokens_change AFTER UPDATE ON refresh_tokens BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER refresh_tokens_go AFTER DELETE ON refresh_tokens
    WHEN OLD.revoked_at IS NULL BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER access_tokens_change AFTER UPDATE ON access_tokens BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER access_tokens_go AFTER DELETE ON access_tokens
    WHEN OLD.revoked_at IS NULL AND OLD.expires_at > unixepoch() * 1000000 BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER accounts_change AFTER UPDATE OF customer_id, state ON accounts
    WHEN OLD.state <> NEW.state OR OLD.customer_id IS NOT NEW.customer_id BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER accounts_go AFTER DELETE ON accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER linkage_accounts_change AFTER UPDATE ON linkage_accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER linkage_accounts_go AFTER DELETE ON linkage_accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER user_accounts_change AFTER UPDATE OF institution, user_id, account_id ON user_accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER user_accounts_go AFTER DELETE ON user_accounts BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = OLD.institution;
END;
CREATE TRIGGER user_accounts_come AFTER INSERT ON user_accounts
    WHEN EXISTS (SELECT 1 FROM linkage_accounts m WHERE m.institution = NEW.institution AND m.account_id = NEW.account_id) BEGIN
    UPDATE state_versions SET version = randomblob(16) WHERE institution = NEW.institution;
END;
INSERT INTO state_versions (institution, version) SELECT institution, randomblob(16) FROM institutions;
sqlite*/

/*postgres:
-- These work with the rights of whoever writes, in the schema of what is written.
CREATE OR REPLACE FUNCTION state_begins() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    EXECUTE format(''INSERT INTO %I.state_versions (institution, version) VALUES ($1, uuid_send(gen_random_uuid()))
        ON CONFLICT DO NOTHING'', TG_TABLE_SCHEMA) USING NEW.institution;
    RETURN NULL;
END';
-- One version for a transaction, however many rows it changes: a row that is updated again and again in one transaction
-- costs the square of that. Made at the commit, so that nobody waits for a long import that holds the row. The setting ends
-- with the transaction.
CREATE OR REPLACE FUNCTION state_changes() RETURNS trigger LANGUAGE plpgsql AS '
DECLARE
    own TEXT := CASE TG_OP WHEN ''INSERT'' THEN NEW.institution ELSE OLD.institution END;
BEGIN
    IF current_setting(''renkei.new_version_of'', true) IS DISTINCT FROM own THEN
        EXECUTE format(''UPDATE %I.state_versions SET version = uuid_send(gen_random_uuid()) WHERE institution = $1'',
            TG_TABLE_SCHEMA) USING own;
        PERFORM set_config(''renkei.new_version_of'', own, true);
    END IF;
    RETURN NULL;
END';
CREATE TRIGGER institutions_begin AFTER INSERT ON institutions FOR EACH ROW EXECUTE FUNCTION state_begins();
CREATE CONSTRAINT TRIGGER institutions_change AFTER UPDATE ON institutions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER institutions_go AFTER DELETE ON institutions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER partners_change AFTER UPDATE ON partners DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER partners_go AFTER DELETE ON partners DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER products_change AFTER UPDATE ON products DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER products_go AFTER DELETE ON products DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER resource_servers_change AFTER UPDATE ON resource_servers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER resource_servers_go AFTER DELETE ON resource_servers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER customers_change AFTER UPDATE OF contract ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.contract <> NEW.contract)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER customers_go AFTER DELETE ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER users_change AFTER UPDATE OF state ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER users_go AFTER DELETE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER linkages_change AFTER UPDATE OF client_id, user_id, customer_id, operations, begun_at, renewed_at, ends_at, ended_at, ended_by, login_method, login_at ON linkages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER linkages_go AFTER DELETE ON linkages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER refresh_tokens_change AFTER UPDATE ON refresh_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER refresh_tokens_go AFTER DELETE ON refresh_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER access_tokens_change AFTER UPDATE ON access_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER access_tokens_go AFTER DELETE ON access_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > EXTRACT(EPOCH FROM now()) * 1000000)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER accounts_change AFTER UPDATE OF customer_id, state ON accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.customer_id IS DISTINCT FROM NEW.customer_id)
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER accounts_go AFTER DELETE ON accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER linkage_accounts_change AFTER UPDATE ON linkage_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER linkage_accounts_go AFTER DELETE ON linkage_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER user_accounts_change AFTER UPDATE OF institution, user_id, account_id ON user_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER user_accounts_go AFTER DELETE ON user_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
CREATE CONSTRAINT TRIGGER user_accounts_come AFTER INSERT ON user_accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION state_changes();
INSERT INTO state_versions (institution, version) SELECT institution, uuid_send(gen_random_uuid()) FROM institutions
    ON CONFLICT DO NOTHING;
-- Whoever may write the watched tables, nodes of the version before among them, writes here from now on.
DO '
DECLARE
    role TEXT;
    watched regclass[] := ARRAY[''institutions'', ''partners'', ''products'', ''resource_servers'', ''customers'', ''users'', ''linkages'',
        ''refresh_tokens'', ''access_tokens'', ''accounts'', ''linkage_accounts'', ''user_accounts'']::regclass[];
BEGIN
    FOR role IN
        SELECT DISTINCT CASE own.grantee WHEN 0 THEN ''PUBLIC'' ELSE quote_ident(pg_get_userbyid(own.grantee)) END FROM (
            SELECT t.grantee, t.privilege_type FROM pg_class c, aclexplode(c.relacl) t WHERE c.oid = ANY(watched)
            UNION ALL SELECT t.grantee, t.privilege_type FROM pg_attribute c, aclexplode(c.attacl) t WHERE c.attrelid = ANY(watched)
        ) own WHERE own.privilege_type IN (''INSERT'', ''UPDATE'', ''DELETE'') AND own.grantee <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
    LOOP
        EXECUTE ''GRANT SELECT, INSERT, UPDATE ON state_versions TO '' || role;
    END LOOP;
END';
postgres*/
