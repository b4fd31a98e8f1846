/** The library: configured storages, their blobs, and migrations between them. */
export type {
  Backend,
  BlobContent,
  BlobInfo,
  BlobMetadata,
  BlobSource,
  ByteRange,
  Place,
  ServiceCopy,
} from './backend.js';
export { configurationOf, type Settings, type StorageOptions } from './config/from-object.js';
export { type Configuration, loadConfiguration } from './config/settings.js';
export type { Shard } from './databases/shard.js';
export { DepotError, type ErrorKind, exitCodes } from './errors.js';
export { type FileStore, UploadDraft } from './fields/upload-draft.js';
export { UploadedFile, type UploadFilter, type UploadOptions } from './fields/uploaded-file.js';
export { UploadedImageWithThumb } from './fields/uploaded-image.js';
export { WithThumbnail } from './fields/with-thumbnail.js';
export {
  type Content,
  type FileAttributes,
  FileIntent,
  type Upload,
  uploadOf,
} from './library/file-intent.js';
export type { ReadOptions, StoredFile } from './library/stored-file.js';
export { Manager, type StorageDescription, type StoreOptions } from './manager.js';
export type { ModuleContext, StandardSchema, StorageModule } from './modules/contract.js';
export { createFetchHandler, type FetchHandler } from './serving/fetch.js';
export { createNodeHandler, type NodeHandler } from './serving/node.js';
export type { ServingOptions } from './serving/respond.js';
export { UnitOfWork, type UnitOfWorkOptions } from './sessions/unit-of-work.js';
export { Storage, type WriteOptions, type Written } from './storage.js';
export type { Counts, Observer, Problem, ProblemKind } from './transfer/report.js';
export {
  type MigrationOptions,
  type RunOptions,
  type RunResult,
  runMigration,
  runUndo,
} from './transfer/run-migration.js';
