import { stat } from 'node:fs/promises';
import { describePlace } from '../config/origin.js';
import type { Configuration, Setting } from '../config/settings.js';

/** Permission of everybody to read. */
const othersRead = 0o004;

/** The files of a configuration that hold a secret and that everybody on this machine may read. */
export async function exposedSecrets(configuration: Configuration): Promise<string[]> {
  // There the permissions that Node tells of mean nothing.
  if (process.platform === 'win32') return [];
  const exposed: string[] = [];
  for (const file of filesWithSecrets(configuration)) {
    const { mode } = await stat(file);
    if ((mode & othersRead) !== 0) exposed.push(describePlace(file));
  }
  return exposed;
}

function filesWithSecrets({ storages, databases, sqlalchemyUrl }: Configuration): Set<string> {
  const secrets = storages.flatMap(({ options }) =>
    [...options].filter(([name, { value }]) => isSecret(name, value)).map(([, setting]) => setting),
  );
  const urls = [...databases, sqlalchemyUrl].filter(
    (url): url is Setting => url !== undefined && hasPassword(url.value),
  );
  const files = [...secrets, ...urls].map(({ origin }) => origin.file);
  // What comes from the environment has no file.
  return new Set(files.filter((file) => file !== ''));
}

function isSecret(option: string, value: string): boolean {
  return /secret|password|token|encrypt_key/.test(option) || hasPassword(value);
}

/** Whether a URL has a user with a password, or one among its parameters. */
function hasPassword(value: string): boolean {
  return /:\/\/[^:/?#]*:[^/].*@/.test(value) || /:\/\/.*[?&]pass(?:w(?:or)?d)?=/i.test(value);
}
