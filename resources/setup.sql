-- Catalog, schema and volume by hand, once, by somebody who may create catalogs. The bundle makes schema and volume too
-- (resources/storage.yml); the catalog must be there before.
CREATE CATALOG IF NOT EXISTS `external-catalog` COMMENT 'What comes from outside.';

CREATE SCHEMA IF NOT EXISTS `external-catalog`.`default` COMMENT 'The tables of ecomm, and the volume in which files arrive.';

CREATE VOLUME IF NOT EXISTS `external-catalog`.`default`.`incremental_load`
  COMMENT 'A folder a source and the trigger''s, with what has arrived and its archive.';

-- The service principal of staging and prod, and those who read.
GRANT USE CATALOG ON CATALOG `external-catalog` TO `data-engineers`;
GRANT USE SCHEMA, CREATE TABLE, SELECT, MODIFY, READ VOLUME, WRITE VOLUME
  ON SCHEMA `external-catalog`.`default` TO `data-engineers`;
GRANT USE CATALOG ON CATALOG `external-catalog` TO `analysts`;
GRANT USE SCHEMA, SELECT ON SCHEMA `external-catalog`.`default` TO `analysts`;
