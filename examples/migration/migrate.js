// Moves every file of the site in this directory from one storage to another.
import { loadConfiguration, Manager, runMigration } from 'filedepot';

const manager = new Manager(await loadConfiguration({ file: 'production.ini', env: process.env }));
const { counts, error } = await runMigration(manager, {
  ...{ from: 'dbfiles', to: 'localfs', references: [], exclude: [], selection: {} },
  ...{ dryRun: false, deleteSource: false, rewriteMentions: false, privateOk: false },
  ...{ verifyFull: false, concurrency: 64, signal: new AbortController().signal },
  observer: { progress() {}, problem: ({ message }) => console.error(message) },
});
console.log(counts.references.migrated, 'references,', counts.blobs.copied, 'blobs');
await manager.close();
if (error !== null) throw error;
