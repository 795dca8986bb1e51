CREATE FUNCTION set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION set_updated_at() IS 'Trigger: keeps updated_at at the time of the last change.';

CREATE TABLE users (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username   text        NOT NULL CONSTRAINT users_username_key UNIQUE,
    email      text        NOT NULL,
    role       text        NOT NULL DEFAULT 'student',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_username_not_blank CHECK (btrim(username) <> ''),
    CONSTRAINT users_email_has_at CHECK (email LIKE '%_@_%'),
    CONSTRAINT users_role_known CHECK (role IN ('student', 'teacher', 'admin'))
);

-- One account per mailbox, however it is capitalised.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

CREATE TRIGGER users_set_updated_at
    BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE users IS 'Everyone who learns, teaches or administers; a role is no login.';
COMMENT ON COLUMN users.id IS 'Surrogate key.';
COMMENT ON COLUMN users.username IS 'Natural key, as shown to others.';
COMMENT ON COLUMN users.email IS 'Mail address, unique without regard to case.';
COMMENT ON COLUMN users.role IS 'student, teacher or admin.';
COMMENT ON COLUMN users.created_at IS 'When the account was made.';
COMMENT ON COLUMN users.updated_at IS 'When the row last changed; kept by a trigger.';
