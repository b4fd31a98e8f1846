import { v5 } from 'uuid';

/** The namespace of identifiers that depot derives; never to be changed. */
const namespace = '6f1d7f0c-6a53-5f0e-9a53-0d2f3f1f6b1e';

/**
 * The UUID for a blob whose identifier in another storage is none, such as an ObjectId. The same
 * identifier always gives the same UUID, so that a second run finds what the first one wrote.
 */
export function derivedUuid(id: string): string {
  return v5(id, namespace);
}
