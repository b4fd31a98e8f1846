import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyWorld, local, siteWorld, type World } from './world.js';

/** What the documents show of a command's output. */
export const outputs: readonly {
  readonly document: string;
  readonly begins: string;
  /** The command line, as it stands in the document. */
  readonly of: string;
  readonly code: number;
  /** What the document says has happened before. */
  harm(here: string): void;
}[] = [
  {
    document: 'README.md',
    begins: 'depot: files.data id=25',
    of: 'depot -c production.ini migrate-storage --from dbfiles --to localfs',
    code: 1,
    harm() {},
  },
  {
    document: 'docs/checking.md',
    begins: 'unknown-storage: ',
    of: 'depot -c production.ini check',
    code: 6,
    harm() {},
  },
  {
    document: 'docs/backup.md',
    begins: 'depot: damaged blob',
    of: '15 3 * * *  depot -c /srv/site/backup.ini -q copy --from files --to backup --delete',
    code: 1,
    harm(here) {
      const blob = path.join(here, 'blobs', 'f8d7a164-e6ef-11f1-b551-02fc00000001');
      mkdirSync(blob);
      writeFileSync(path.join(blob, 'metadata.json'), '{"filename": "a.txt"}');
    },
  },
];

/** A world, and what is done in it before the document's own commands. */
interface Place {
  readonly name: string;
  make(): string;
  readonly before: readonly string[];
  /** Exit codes other than 0, which the text says, by command line. */
  readonly codes: Readonly<Record<string, number>>;
}

interface Story {
  readonly world: World | 'empty';
  readonly before?: readonly string[];
  readonly codes?: Readonly<Record<string, number>>;
}

const migration = 'depot -c production.ini migrate-storage --from dbfiles --to localfs';

const fix = 'depot -c production.ini check --fix inconsistent-reference --fix leftover';

/** Where a document's reader stands; under a heading, where that begins elsewhere. */
const stories: Readonly<Record<string, Story>> = {
  'README.md': {
    world: { damaged: true },
    codes: { [migration]: 1, [`${migration} --dry-run`]: 1, [`${migration} --delete-source`]: 1 },
  },
  'README.md#A storage of your own, without a site': { world: 'empty' },
  'docs/backup.md': {
    world: { storages: { backup: local('backup'), files: local('blobs') }, apart: 'backup' },
    before: ['depot -c backup.ini storages create backup'],
    // Of the site: two files that nothing names.
    codes: { 'depot -c production.ini check': 6 },
  },
  'docs/checking.md': {
    world: { damaged: true },
    codes: {
      'depot -c production.ini check': 6,
      [fix]: 6,
      [`${fix} --dry-run`]: 6,
    },
  },
  'docs/migrating.md': {
    world: { storages: { archive: local('archive') } },
    before: ['depot storages create archive', 'depot storages create localfs'],
  },
  'docs/own-storages.md': {
    world: { storages: { files: { backend: './my-storage.mjs', directory: '%(here)s/files' } } },
  },
  'docs/state.md': { world: {}, before: [migration] },
};

export function worldOf(document: string, heading: string, change: World): Place {
  const own = `${document}#${heading}`;
  const name = own in stories ? own : document;
  const { world, before = [], codes = {} } = stories[name] ?? { world: {} };
  const make = (): string => {
    if (world === 'empty') return emptyWorld();
    const storages = { ...world.storages, ...change.storages };
    return siteWorld({ ...world, ...change, storages });
  };
  return { name, make, before, codes };
}
