import * as v from 'valibot';
import type { Backend } from './backend.js';
import type { Setting } from './config/settings.js';
import type { Database } from './databases/database.js';
import { DepotError } from './errors.js';
import { checkSettings, resolvePath, type SettingsSchema } from './settings.js';
import { zoneClock } from './time.js';

/** What opening a backend may need beside its own options. */
export interface BackendContext {
  readonly name: string;
  /** Where the storage is configured, for messages. */
  readonly where: string;
  /** The configuration file's directory. */
  readonly directory: string;
  /** Zone of the local times in the blobs table; default this machine's. */
  readonly timezone: string | undefined;
  /** Takes what is worth telling the user. */
  notice(text: string): void;
  /** The application's own database. */
  applicationDatabase(): Promise<Database>;
}

interface BackendKind {
  /** The names that Python's configurations use. */
  readonly pythonPaths: readonly string[];
  readonly schema: SettingsSchema;
  open(options: ReadonlyMap<string, Setting>, context: BackendContext): Promise<Backend>;
}

const text = v.optional(v.string());
const required = v.pipe(v.string(), v.nonEmpty('it must not be empty'));

/** Every kind of storage: its Python names, its options, and where its code is. */
const kinds: Readonly<Record<string, BackendKind>> = {
  local: {
    pythonPaths: ['depot.io.local.LocalFileStorage'],
    schema: v.strictObject({ storage_path: required }),
    open: async (options, { directory, notice }) => {
      const { openLocal } = await import('./backends/local.js');
      return openLocal(resolvePath(options.get('storage_path') as Setting, directory, notice));
    },
  },
  sql: {
    pythonPaths: ['kotti.filedepot.DBFileStorage'],
    schema: v.strictObject({}),
    open: async (_options, { applicationDatabase, timezone }) => {
      const { openSql } = await import('./backends/sql.js');
      return openSql(await applicationDatabase(), zoneClock(timezone));
    },
  },
  memory: {
    pythonPaths: ['depot.io.memory.MemoryFileStorage'],
    schema: v.strictObject({}),
    open: async () => (await import('./backends/memory.js')).openMemory(),
  },
  s3: {
    pythonPaths: ['depot.io.boto3.S3Storage', 'depot.io.awss3.S3Storage'],
    schema: v.strictObject({
      access_key_id: text,
      secret_access_key: text,
      bucket: text,
      region_name: text,
      policy: text,
      storage_class: text,
      endpoint_url: text,
      host: text,
      prefix: text,
      encrypt_key: text,
      addressing_style: text,
      request_checksum: text,
    }),
    open: notYet,
  },
  gcs: {
    pythonPaths: ['depot.io.gcs.GCSStorage'],
    schema: v.strictObject({
      project_id: text,
      credentials: text,
      bucket: text,
      policy: text,
      storage_class: text,
      prefix: text,
      api_endpoint: text,
    }),
    open: notYet,
  },
  gridfs: {
    pythonPaths: ['depot.io.gridfs.GridFSStorage'],
    schema: v.strictObject({ mongouri: required, collection: text }),
    open: notYet,
  },
};

async function notYet(_options: unknown, { name }: BackendContext): Promise<Backend> {
  throw new DepotError(
    'config',
    `storage ${name}: this version of depot cannot open its backend yet`,
  );
}

/** The short name of a backend, given by it or by its Python path; null for an unknown one. */
export function kindOf(backend: string): string | null {
  if (Object.hasOwn(kinds, backend)) return backend;
  const found = Object.entries(kinds).find(([, { pythonPaths }]) => pythonPaths.includes(backend));
  return found?.[0] ?? null;
}

/** Names by which `backend` may be given, for messages. */
export const backendNames: readonly string[] = Object.keys(kinds);

/** Checks the options and opens the backend, importing its code now and not before. */
export async function openBackend(
  kind: string,
  options: ReadonlyMap<string, Setting>,
  context: BackendContext,
): Promise<Backend> {
  const entry = kinds[kind] as BackendKind;
  checkSettings(entry.schema, options, { ...context, kind });
  return entry.open(options, context);
}
