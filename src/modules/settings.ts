import { describeOrigin, type Setting } from '../config/settings.js';
import { DepotError, messageOf } from '../errors.js';
import { redacted } from '../settings.js';
import type { SchemaIssue, SchemaResult, StorageModule } from './contract.js';

type Options = ReadonlyMap<string, Setting>;

/** Which storage it is, for errors; `where` is where it is named. */
interface Named {
  readonly name: string;
  readonly where: string;
}

/**
 * The settings that a module's schema makes of the options. Errors name the file, line, section and
 * key; never the value, which may be a secret.
 *
 * @throws DepotError `config`
 */
export async function checkModuleSettings(
  { schema }: StorageModule,
  options: Options,
  storage: Named,
): Promise<unknown> {
  const values = Object.fromEntries([...options].map(([name, { value }]) => [name, value]));
  const result = schema === undefined ? { value: {} } : await validate({ schema }, values, storage);
  if (result.issues !== undefined) throw refusal(result.issues, options, storage);
  checkAllTaken(result.value, options, storage);
  return result.value;
}

async function validate(
  { schema }: Pick<StorageModule, 'schema'>,
  values: Readonly<Record<string, string>>,
  { name, where }: Named,
): Promise<SchemaResult<unknown>> {
  const standard = schema?.['~standard'];
  if (typeof standard?.validate !== 'function') {
    throw new DepotError('config', `${where}: the schema of storage ${name} is no Standard Schema`);
  }
  try {
    return await standard.validate(values);
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    const why = masked(told, Object.entries(values));
    throw new DepotError('config', `${where}: the schema of storage ${name} failed: ${why}`);
  }
}

function refusal(
  issues: readonly SchemaIssue[],
  options: Options,
  { name, where }: Named,
): DepotError {
  const [issue] = issues;
  const [step] = issue?.path ?? [];
  const option = String(typeof step === 'object' ? step.key : (step ?? ''));
  const values = [...options].map(([key, { value }]) => [key, value] as const);
  const message = masked(issue?.message ?? 'its schema refuses it', values);
  const setting = options.get(option);
  if (setting !== undefined) {
    return new DepotError('config', `${describeOrigin(setting.origin)}: ${message}`);
  }
  const what = option === '' ? `storage ${name}` : `storage ${name} needs the option ${option}`;
  return new DepotError('config', `${where}: ${what}: ${message}`);
}

/** An option that a schema drops without a word is most likely misspelt. */
function checkAllTaken(settings: unknown, options: Options, { name }: Named): void {
  const taken = Object(settings) as object;
  for (const [option, { origin }] of options) {
    if (option in taken) continue;
    throw new DepotError(
      'config',
      `${describeOrigin(origin)}: unknown option ${option} of storage ${name}`,
      { hint: 'The schema of its module knows no such option.' },
    );
  }
}

/** The text on one line, without the values that may not be shown, as they are or quoted. */
function masked(text: string, options: Iterable<readonly [name: string, value: string]>): string {
  const secrets = [...options]
    .filter(([name, value]) => value !== '' && redacted(name, value) !== value)
    .flatMap(([, value]) => [value, JSON.stringify(value).slice(1, -1)])
    .sort((one, other) => other.length - one.length);
  return messageOf(secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text));
}
