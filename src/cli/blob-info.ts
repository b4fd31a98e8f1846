import type { BlobInfo } from '../backend.js';
import type { Storage } from '../storage.js';
import { formatIso } from '../time.js';

/** A blob's info as `--json` prints it. */
export interface InfoObject {
  readonly path: string;
  readonly storage: string;
  readonly id: string;
  readonly filename: string;
  readonly content_type: string;
  readonly content_length: number;
  /** ISO 8601 in UTC, or null. */
  readonly last_modified: string | null;
  readonly public_url: string | null;
}

export function infoObject(storage: Storage, info: BlobInfo): InfoObject {
  return {
    path: storage.path(info.id),
    storage: storage.name,
    id: info.id,
    filename: info.filename,
    content_type: info.contentType,
    content_length: info.contentLength,
    last_modified: formatIso(info.lastModified),
    public_url: storage.publicUrl(info.id),
  };
}
