// Everyday commands on 100,000 blobs, in local files and in SQLite: time, memory, and whether ten
// times as many take ten times as long: npm run bench -- --administration
import { depot, inDirectory, report, runNode } from './measure.js';
import { addBlobs, makeSite, openDatabase } from './site.js';

const [few, many] = [10_000, 100_000];
const copy = ['copy', '--from', 'dbfiles', '--to', 'localfs'];
const commands = {
  'list, SQLite': ['list', 'dbfiles'],
  'list -l, SQLite': ['list', '-l', 'dbfiles'],
  'list, local files': ['list', 'localfs'],
  'list -l, local files': ['list', '-l', 'localfs'],
  'du, SQLite': ['du', 'dbfiles'],
  'du, local files': ['du', 'localfs'],
  // Exit code 6: no reference names the copies.
  'check, both': ['check'],
  'gc, SQLite, all named': ['gc', 'dbfiles', '--older-than', '1s'],
  'gc, local files, all named': ['gc', 'localfs', '--older-than', '1s'],
  'copy, nothing new': copy,
};
const unnamed = {
  'gc, SQLite, none named': ['gc', 'dbfiles', '--older-than', '1s'],
  'gc, local files, none named': ['gc', 'localfs', '--older-than', '1s'],
};

await inDirectory((directory) => {
  const run = (command) =>
    runNode([depot, '-c', 'production.ini', ...command], { cwd: directory, codes: [0, 6] });
  const runAll = (all) =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, run(one)]));
  makeSite(directory, { blobs: 0, size: 0 });
  const database = openDatabase(directory);
  const measured = [few, many].map((blobs, index, counts) => {
    addBlobs(database, { blobs: blobs - (counts[index - 1] ?? 0), size: 100 });
    const first = run(copy);
    const all = runAll(commands);
    if (blobs < many) return { first, all };
    database.exec('DELETE FROM files WHERE id > 1');
    return { first, all, rest: runAll(unnamed) };
  });
  database.close();
  const [less, more] = measured;
  report(`copy, the last ${many - few}`, more.first.seconds, 's');
  report(`copy, the last ${many - few}: memory`, more.first.megabytes, 'MB', 150);
  for (const name of Object.keys(commands)) {
    report(`${name}: seconds for ${many}`, more.all[name].seconds, 's');
    report(
      `${name}: ${many} : ${few}`,
      more.all[name].seconds / less.all[name].seconds,
      'times',
      12,
    );
    report(`${name}: memory for ${many}`, more.all[name].megabytes, 'MB', 150);
  }
  for (const [name, { seconds, megabytes }] of Object.entries(more.rest)) {
    report(`${name}: seconds for ${many}`, seconds, 's');
    report(`${name}: memory for ${many}`, megabytes, 'MB', 150);
  }
});
