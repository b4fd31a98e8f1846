import { conformance } from '../conformance.js';
import { describeWithServer } from '../servers/servers.js';
import { newBucketAt, openBucket, openWithoutBucket } from './gcs-bucket.js';

describeWithServer('gcs', 'Google Cloud Storage', (url) => {
  for (const prefix of ['', 'site/']) {
    conformance(prefix === '' ? 'gcs' : `gcs with the prefix ${prefix}`, {
      keepsLoneSurrogates: false,
      // The emulator keeps all metadata in one attribute of a file: 4 KB.
      longestFilename: 204,
      open: () => openBucket(newBucketAt(url, { prefix })),
      openMissing: () => openWithoutBucket(newBucketAt(url, { prefix })),
    });
  }
});
