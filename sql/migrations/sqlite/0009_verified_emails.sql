-- Without a password a row is of a user of another issuer, or of an account that its own token has
-- brought back; nobody has verified its address, and it would keep the owner from signing up.
UPDATE users SET email = NULL WHERE password_hash IS NULL;

-- down
-- Nothing to undo: the addresses are gone, and rows without one were always allowed.
