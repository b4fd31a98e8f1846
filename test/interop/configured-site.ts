import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ConfiguredKind, configurationOf } from '../servers/configured.js';
import { depot } from './run.js';
import { copySite } from './site.js';

/** A Kotti site with a storage of some kind, which Kotti and depot read from one file. */
export interface ConfiguredSite {
  readonly directory: string;
  readonly ini: string;
  /** The storage's name in it. */
  readonly name: string;
  remove(): Promise<void>;
}

/**
 * The golden site with one more storage, `cloud`, whose files are public where there is a policy;
 * or with an empty database of the kind, which Kotti fills when it starts, for its `dbfiles`.
 */
export async function siteOn(kind: ConfiguredKind, url: string): Promise<ConfiguredSite> {
  const storage = await kind.configure(url);
  const { directory, ini } = copySite();
  const { options } = storage;
  const isPublic = 'policy' in options ? { ...options, policy: 'public-read' } : options;
  const lines = configurationOf({ cloud: { ...storage, options: isPublic } }).split('\n');
  const own = lines.slice(lines.indexOf('[depot:storage:cloud]')).join('\n');
  const text = readFileSync(ini, 'utf8');
  const inDatabase = storage.sqlalchemyUrl !== undefined;
  if (inDatabase) {
    const line = lines.find((one) => one.startsWith('sqlalchemy.url')) as string;
    writeFileSync(
      ini,
      text.replace(/^sqlalchemy\.url.*$/m, () => line),
    );
  } else {
    const keys = lines
      .filter((one) => one.startsWith('kotti.depot.0.'))
      .map((one) => one.replace('.0.', '.2.'))
      .join('\n');
    const added = text.replace(/^kotti\.depot\.1\.name.*$/m, (one) => `${one}\n${keys}`);
    writeFileSync(ini, `${added}\n${own}`);
    const { code, stderr } = await depot(['-c', ini, 'storages', 'create', 'cloud']);
    if (code !== 0) throw new Error(stderr);
  }
  return {
    directory,
    ini,
    name: inDatabase ? 'dbfiles' : 'cloud',
    async remove() {
      rmSync(directory, { recursive: true });
      await storage.remove();
    },
  };
}
