-- works with 2.0.0
-- A row without a password belongs to a user of another issuer, or to an account that its own token has recreated.
-- Nobody has verified its address, which would keep the owner of the address from signing up.
UPDATE users SET email = NULL WHERE password_hash IS NULL;

-- down
-- Nothing to undo: the addresses are gone, and rows without one were always allowed.
