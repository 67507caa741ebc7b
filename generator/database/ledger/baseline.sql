@SESSION@
DO $$ BEGIN
  IF NOT pg_try_advisory_lock(7241105402127946086) THEN RAISE EXCEPTION 'nself: another run of migrations holds the lock of this database; try again when it has ended'; END IF;
END $$;
BEGIN;
@HELD@
@DIGEST@
DO $$ BEGIN
  IF pg_temp.nself_catalog() <> '@WAS@' THEN
    RAISE EXCEPTION 'nself: the database was changed during the baseline; run it again';
  END IF;
END $$;
@TABLES@
DO $$ BEGIN
  IF EXISTS (SELECT FROM nself.ledger) THEN RAISE EXCEPTION 'nself: the ledger already has migrations'; END IF;
END $$;
INSERT INTO nself.ledger (number, name, sum, chain, state) VALUES@ROWS@;
@SEAL@
COMMIT;
