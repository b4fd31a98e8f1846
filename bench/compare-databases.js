// Out of the application's database into local files: kotti-migrate-storage, a loop by hand, and us.
import { spawnSync } from 'node:child_process';
import { inDirectory } from './measure.js';
import { measured } from './measured.js';
import { compare, heading, skipped } from './results.js';
import {
  databases,
  loopByHand,
  migrateWithDepot,
  migrateWithKotti,
  python,
  siteMaker,
} from './sites.js';

const large = { blobs: 5, size: 100_000_000 };

export async function compareDatabases({ quick }) {
  heading('Database to local files');
  if (python === undefined) return skipped('Kotti', 'no Python with Kotti, see CONTRIBUTING.md');
  for (const database of databases()) {
    if (database.missing) skipped(database.name, database.missing);
    else await compareDatabase(database, quick).finally(() => database.remove());
  }
}

async function compareDatabase(database, quick) {
  const many = quick && database.name !== 'SQLite' ? 3000 : 10_000;
  for (const blobs of [1000, many]) {
    const target =
      blobs === 1000 ? 'at least 6 times Kotti' : 'at least 25 times Kotti, of 10,000 blobs';
    await compareWork(database, { blobs, size: 10_000, target, rerun: blobs > 1000 });
  }
  const target =
    database.name === 'SQLite' ? 'at least 1.5 times Kotti' : 'at least 0.8 of a bare COPY';
  await compareWork(database, { ...large, target, rerun: false });
  if (database.name === 'SQLite') await compareGrowth(quick ? 20_000 : 100_000);
}

async function compareWork(database, { blobs, size, target, rerun }) {
  const work = { blobs, bytes: blobs * size, target };
  await inDirectory(async (directory) => {
    const newSite = await siteMaker(directory, database, { blobs, size });
    const site = await newSite();
    const runs = [await migrateWithDepot(site)];
    runs.push(...(await rivals(database, newSite, size)), await migrateWithKotti(await newSite()));
    const title = `${database.name}: ${blobs} blobs of ${size / 1000} kB`;
    compare({ title, ...work }, runs);
    if (!rerun) return;
    const again = { title: `${title}, again with nothing to do`, blobs, bytes: 0 };
    const nothing = 'at least 3,290 references a second, as rclone looks at objects';
    compare({ ...again, target: nothing }, [await migrateWithDepot(site)]);
  });
}

async function rivals(database, newSite, size) {
  if (database.name === 'PostgreSQL')
    return size > 1_000_000 ? [await bareCopy(await newSite())] : [];
  const ways = ['fsync'];
  if (spawnSync('sync', ['--version']).status === 0) ways.push('syncfs');
  const runs = [];
  for (const how of ways) runs.push(await loopByHand(await newSite(), how));
  return runs;
}

/** All bytes into one file, synchronized. */
async function bareCopy({ directory, url }) {
  const sql = "\\copy (SELECT data FROM blobs) TO PROGRAM 'cat > all; sync all' (FORMAT binary)";
  return measured(
    '`psql -c "\\copy (SELECT data FROM blobs) TO all (FORMAT binary)"; sync all`',
    ['psql', url, '-qc', sql],
    {
      cwd: directory,
    },
  );
}

/** Whether the time for each blob grows with their number. */
async function compareGrowth(most) {
  const [few] = [1000];
  const runs = [];
  for (const blobs of [most, few]) {
    await inDirectory(async (directory) => {
      const newSite = await siteMaker(directory, databases()[0], { blobs, size: 1000 });
      const { seconds, megabytes } = await migrateWithDepot(await newSite());
      runs.push({
        shown: `${blobs} blobs of 1 kB, for each 1,000`,
        seconds: (seconds / blobs) * 1000,
        megabytes,
      });
    });
  }
  const title = `How time grows from ${few} to ${most} blobs (a start takes 0.3 s)`;
  compare({ title, blobs: 1000, bytes: 1_000_000 }, runs);
}
