import { conformance } from '../conformance.js';
import { describeWithServer } from '../servers/servers.js';
import { openDatabase } from './gridfs-database.js';

describeWithServer('mongodb', 'MongoDB', (url) => {
  conformance('gridfs', {
    keepsLoneSurrogates: false,
    // FerretDB reads all chunks for each question about a file's.
    manyBlobs: 600,
    open: () => openDatabase(url),
  });
});
