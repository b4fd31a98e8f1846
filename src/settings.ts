import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { describeOrigin, type Setting } from './config/settings.js';
import { redactSqlalchemyUrl } from './config/sqlalchemy-url.js';
import { DepotError } from './errors.js';

/** The schema of a backend's settings: one entry an option, all of them text in the file. */
export type SettingsSchema = v.StrictObjectSchema<
  Record<string, v.GenericSchema<string | undefined, unknown>>,
  undefined
>;

/**
 * Checks a storage's options against its backend's schema. Errors name the file, line, section
 * and key, and an unknown option's error names the known ones.
 */
export function checkSettings<S extends SettingsSchema>(
  schema: S,
  options: ReadonlyMap<string, Setting>,
  storage: { name: string; where: string; kind: string },
): v.InferOutput<S> {
  const known = Object.keys(schema.entries);
  for (const [name, { origin }] of options) {
    if (known.includes(name)) continue;
    const list = known.length === 0 ? 'none' : known.join(', ');
    throw new DepotError(
      'config',
      `${describeOrigin(origin)}: unknown option ${name} of storage ${storage.name}`,
      {
        hint: `The ${storage.kind} backend knows: ${list}.`,
      },
    );
  }
  const values = Object.fromEntries([...options].map(([name, { value }]) => [name, value]));
  const result = v.safeParse(schema, values);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const name = v.getDotPath(issue) ?? '';
  const origin = options.get(name)?.origin;
  if (origin !== undefined) {
    throw new DepotError('config', `${describeOrigin(origin)}: ${issue.message}`);
  }
  throw new DepotError(
    'config',
    `${storage.where}: storage ${storage.name} needs the option ${name}`,
  );
}

/**
 * A path as an option gives it, absolute: relative ones are relative to the configuration file.
 * Python takes them relative to the directory that its process was started in; `notice` is told
 * where that makes a difference.
 */
export function resolvePath(
  { value, origin }: Setting,
  directory: string,
  notice: (text: string) => void,
): string {
  if (/^[\n\r]|[\n\r]$/.test(value)) {
    throw new DepotError(
      'config',
      `${describeOrigin(origin)}: the path begins or ends with a line break`,
      {
        hint: 'Python takes it for a part of the path: write the path on the line of its key.',
      },
    );
  }
  const resolved = path.resolve(directory, value);
  const python = path.resolve(value);
  if (python !== resolved && existsSync(python)) {
    notice(
      `${describeOrigin(origin)}: taken as ${resolved}; started here, Python would take ${python}`,
    );
  }
  return resolved;
}

/** Options whose values are no secrets; what a misspelt one holds nobody knows. */
const harmless = new Set([
  ...['storage_path', 'bucket', 'region_name', 'policy', 'storage_class', 'endpoint_url', 'host'],
  ...['prefix', 'project_id', 'credentials', 'mongouri', 'collection'],
  ...['addressing_style', 'request_checksum', 'api_endpoint'],
  'signed_url_seconds',
]);

/** An option's value as it may be shown. */
export function redacted(name: string, value: string): string {
  // Credentials are a path, unless somebody wrote the file's content there.
  const inline = name === 'credentials' && value.includes('{');
  if (!harmless.has(name) || inline) return '***';
  return value.includes('://') ? redactSqlalchemyUrl(value) : value;
}
