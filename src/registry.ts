import * as v from 'valibot';
import type { Backend } from './backend.js';
import type { Setting } from './config/settings.js';
import type { SqlDatabase } from './databases/database.js';
import type { NetworkStorage } from './network.js';
import { checkSettings, resolvePath, type SettingsSchema } from './settings.js';
import { zoneClock } from './time.js';

/** What opening a backend may need beside its own options. */
export interface BackendContext extends NetworkStorage {
  /** The configuration file's directory. */
  readonly directory: string;
  /** Zone of the local times in the blobs table; default this machine's. */
  readonly timezone: string | undefined;
  /** Takes what is worth telling the user. */
  notice(text: string): void;
  /** The application's own database. */
  applicationDatabase(): Promise<SqlDatabase>;
}

interface OpeningContext extends BackendContext {
  /** The path that an option gives, absolute. */
  path(option: string): string;
}

interface BackendKind<S extends SettingsSchema = SettingsSchema> {
  /** The names that Python's configurations use. */
  readonly pythonPaths: readonly string[];
  readonly schema: S;
  open(settings: v.InferOutput<S>, context: OpeningContext): Promise<Backend>;
}

/** Ties what `open` takes to the schema, which the list of all kinds cannot tell. */
function kind<S extends SettingsSchema>({ open, ...rest }: BackendKind<S>): BackendKind {
  return { ...rest, open: (settings, context) => open(settings as v.InferOutput<S>, context) };
}

const text = v.optional(v.string());
const choice = <const T extends readonly string[]>(...values: T) =>
  v.optional(v.picklist(values, `it must be ${values.join(' or ')}`));
const policy = choice('private', 'public-read');
const seconds = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^[1-9]\d{0,5}$/, 'it must be a whole number of seconds'),
    v.transform(Number),
    v.maxValue(604_800, 'it must not be more than 604800 seconds, seven days'),
  ),
);
const required = v.pipe(v.string(), v.nonEmpty('it must not be empty'));

/** Every kind of storage: its Python names, its options, and where its code is. */
const kinds: Readonly<Record<string, BackendKind>> = {
  local: kind({
    pythonPaths: ['depot.io.local.LocalFileStorage'],
    schema: v.strictObject({ storage_path: required }),
    open: async (_settings, { path }) =>
      (await import('./backends/local.js')).openLocal(path('storage_path')),
  }),
  sql: kind({
    pythonPaths: ['kotti.filedepot.DBFileStorage'],
    schema: v.strictObject({}),
    open: async (_settings, { applicationDatabase, timezone }) => {
      const { openSql } = await import('./backends/sql.js');
      return openSql(await applicationDatabase(), zoneClock(timezone));
    },
  }),
  memory: kind({
    pythonPaths: ['depot.io.memory.MemoryFileStorage'],
    schema: v.strictObject({}),
    open: async () => (await import('./backends/memory.js')).openMemory(),
  }),
  s3: kind({
    pythonPaths: ['depot.io.boto3.S3Storage', 'depot.io.awss3.S3Storage'],
    schema: v.strictObject({
      access_key_id: text,
      secret_access_key: text,
      bucket: text,
      region_name: text,
      policy,
      storage_class: text,
      endpoint_url: text,
      host: text,
      prefix: text,
      encrypt_key: text,
      addressing_style: choice('auto', 'path', 'virtual'),
      request_checksum: choice('when_supported', 'when_required'),
      signed_url_seconds: seconds,
    }),
    open: async (settings, context) => (await import('./backends/s3.js')).openS3(settings, context),
  }),
  gcs: kind({
    pythonPaths: ['depot.io.gcs.GCSStorage'],
    schema: v.strictObject({
      project_id: text,
      credentials: text,
      bucket: required,
      policy,
      storage_class: text,
      prefix: text,
      api_endpoint: text,
      signed_url_seconds: seconds,
    }),
    open: async ({ credentials, ...settings }, context) => {
      const { openGcs } = await import('./backends/gcs.js');
      const file = credentials === undefined ? null : context.path('credentials');
      return openGcs(settings, file, context);
    },
  }),
  gridfs: kind({
    pythonPaths: ['depot.io.gridfs.GridFSStorage'],
    schema: v.strictObject({
      mongouri: required,
      collection: v.optional(v.pipe(v.string(), v.nonEmpty('it must not be empty'))),
    }),
    open: async (settings, context) =>
      (await import('./backends/gridfs.js')).openGridfs(settings, context),
  }),
};

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
  name: string,
  options: ReadonlyMap<string, Setting>,
  context: BackendContext,
): Promise<Backend> {
  const { schema, open } = kinds[name] as BackendKind;
  const settings = checkSettings(schema, options, { ...context, kind: name });
  const path = (option: string): string =>
    resolvePath(options.get(option) as Setting, context.directory, context.notice);
  return open(settings, { ...context, path });
}
