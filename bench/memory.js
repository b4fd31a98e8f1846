// The memory that migrating blobs of 500 MB takes.
import { inDirectory, report } from './measure.js';
import { makeSite, migrate, openDatabase } from './site.js';

const size = 500_000_000;

await inDirectory((directory) => {
  makeSite(directory, { blobs: 2, size });
  const times = (from, to) => migrate(directory, from, to).megabytes / (size / 1e6);
  report(
    'memory : blob of 500 MB, SQLite to local files',
    times('dbfiles', 'localfs'),
    'times',
    2.2,
  );
  report(
    'memory, blobs of 500 MB, local files to local files',
    migrate(directory, 'localfs', 'other').megabytes,
    'MB',
    150,
  );
  const database = openDatabase(directory);
  database.exec('DELETE FROM blobs; VACUUM');
  database.close();
  report('memory : blob of 500 MB, local files to SQLite', times('other', 'dbfiles'), 'times', 2.2);
});
