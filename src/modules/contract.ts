import type { Backend, Place } from '../backend.js';
import type { DepotError } from '../errors.js';
import type { NetworkStorage } from '../network.js';

/** What a storage module is told when a storage of its is opened. */
export interface ModuleContext extends NetworkStorage {
  /** The configuration file's directory. */
  readonly directory: string;
  /** A path as an option gives it, absolute: relative ones are relative to the configuration file. */
  path(value: string): string;
  /** Takes what is worth telling the user. */
  notice(text: string): void;
  /** The place of a file or directory, also of one that does not exist yet. */
  placeOf(file: string): Promise<Place>;
  /** The class of the errors that have an exit code, for modules that cannot import it. */
  readonly DepotError: typeof DepotError;
}

/** What is wrong with one option. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The part of Standard Schema (https://standardschema.dev, version 1) that settings need. */
export interface StandardSchema<Settings = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): SchemaResult<Settings> | Promise<SchemaResult<Settings>>;
  };
}

export type SchemaResult<Settings> =
  | { readonly value: Settings; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** What a storage module exports, under these names or as an object by default. */
export interface StorageModule<Settings = unknown> {
  /**
   * Checks the options, which are text, and gives the settings, under the same names. Without one
   * there are no options.
   */
  readonly schema?: StandardSchema<Settings>;
  open(settings: Settings, context: ModuleContext): Promise<Backend>;
}
