CREATE TABLE curriculum (
    id                bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    module_name       text    NOT NULL,
    topic_name        text    NOT NULL CONSTRAINT curriculum_topic_name_key UNIQUE,
    order_index       integer NOT NULL,
    dependencies      text[]  NOT NULL DEFAULT '{}',
    estimated_minutes integer NOT NULL,
    CONSTRAINT curriculum_names_not_blank CHECK (btrim(module_name) <> '' AND btrim(topic_name) <> ''),
    CONSTRAINT curriculum_order_index_not_negative CHECK (order_index >= 0),
    CONSTRAINT curriculum_estimated_minutes_positive CHECK (estimated_minutes > 0),
    CONSTRAINT curriculum_not_its_own_dependency CHECK (topic_name <> ALL (dependencies))
);

CREATE INDEX curriculum_module_order_idx ON curriculum (module_name, order_index);

COMMENT ON TABLE curriculum IS 'The topics that are taught, in order, with what each builds on.';
COMMENT ON COLUMN curriculum.id IS 'Surrogate key.';
COMMENT ON COLUMN curriculum.module_name IS 'The module that the topic belongs to.';
COMMENT ON COLUMN curriculum.topic_name IS 'Natural key; progress, exercises and alerts name topics by it.';
COMMENT ON COLUMN curriculum.order_index IS 'Position in the whole curriculum, from 0.';
COMMENT ON COLUMN curriculum.dependencies IS 'topic_name of every topic to be learnt before this one.';
COMMENT ON COLUMN curriculum.estimated_minutes IS 'Learning time in minutes.';
